import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAwsTestTools } from '../../src/local';

const root = join(__dirname, '..', '..');
/** Two ways of arrivals, and what each system needs. */
const templates = [
  ...readdirSync(join(root, 'templates')).map((name) => join('templates', name)),
  ...readdirSync(join(root, 'systems')).map((name) => join('systems', name, 'template.yaml')),
].filter((file) => file.endsWith('.yaml') && existsSync(join(root, file)));
const INSTALL_TIMEOUT_MS = 600_000;

test('there is a template for each way of arrivals and each system with infrastructure of its own', () => {
  expect(templates).toEqual(
    expect.arrayContaining([
      'systems/agent-events/template.yaml',
      'systems/contact-trace-records/template.yaml',
      'systems/reviews-export/template.yaml',
      'templates/arrivals-eventbridge.yaml',
      'templates/arrivals-sns.yaml',
    ]),
  );
});

/** What cfn-lint says of the files, notes included; empty when it has nothing to say. */
async function lint(...files: string[]): Promise<string> {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const program = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const args = ['-c', program, '--include-checks', 'I', '--', ...files];
  return new Promise((resolve) => {
    execFile(python, args, { cwd: root }, (error, out, err) =>
      resolve(out + err + (error && !out ? error.message : '')),
    );
  });
}

test(
  'cfn-lint finds nothing in any template, and would find a mistake',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-templates-'));
    try {
      const wrong = join(folder, 'wrong.yaml');
      const right = await readFile(join(root, 'templates', 'arrivals-sns.yaml'), 'utf8');
      await writeFile(wrong, right.replace('Protocol: https', 'Protokol: https'));
      const findings = (await lint(...templates, wrong)).trim().split('\n\n');
      expect(findings.filter((finding) => !finding.includes(`\n${wrong}:`))).toEqual([]);
      expect(findings).toContainEqual(expect.stringContaining('Protokol'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  INSTALL_TIMEOUT_MS,
);

test.each(templates)(
  '%s lets nobody in beyond the services it names, and keeps the bucket that it makes',
  (template) => {
    const text = readFileSync(join(root, template), 'utf8');
    expect(text).toMatch(/Type: AWS::S3::Bucket\n(.*\n){0,3} +DeletionPolicy: Retain/);
    const lines = text.split('\n');
    const around = (wanted: RegExp) =>
      lines.flatMap((line, i) =>
        wanted.test(line) ? [lines.slice(Math.max(0, i - 8), i + 4).join('\n')] : [],
      );
    // Everybody may be refused something, such as plain HTTP.
    for (const place of around(/Principal: '?\*/)) expect(place).toContain('Effect: Deny');
    // Where an action takes no resource, a condition or a word says why it is open.
    for (const place of around(/(Resource:|-) '?\*'?$/)) expect(place).toMatch(/Condition:|#|Effect: Deny/);
  },
);
