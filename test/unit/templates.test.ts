import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAwsTestTools } from '../../src/local';

const folder = join(__dirname, '..', '..', 'templates');
const templates = readdirSync(folder);
const INSTALL_TIMEOUT_MS = 600_000;

test('there is a template for EventBridge and one for SNS', () => {
  expect(templates.sort()).toEqual(['arrivals-eventbridge.yaml', 'arrivals-sns.yaml']);
});

/** What cfn-lint says, notes included; empty when it has nothing to say. */
async function lint(template: string): Promise<string> {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const program = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  const args = ['-c', program, '--include-checks', 'I'];
  return new Promise((resolve) => {
    const child = execFile(python, args, (error, out, err) =>
      resolve(out + err + (error && !out ? error.message : '')),
    );
    child.stdin?.end(template);
  });
}

test.each(templates)(
  'cfn-lint finds nothing in %s',
  async (template) => expect(await lint(readFileSync(join(folder, template), 'utf8'))).toBe(''),
  INSTALL_TIMEOUT_MS,
);

test('cfn-lint would find a mistake', async () => {
  const template = readFileSync(join(folder, 'arrivals-sns.yaml'), 'utf8');
  expect(await lint(template.replace('Protocol: https', 'Protokol: https'))).toContain('Protokol');
});

test.each(templates)(
  '%s lets nobody in beyond the services it names, and keeps the bucket that it makes',
  (template) => {
    const text = readFileSync(join(folder, template), 'utf8');
    expect(text).toMatch(/Type: AWS::S3::Bucket\n(.*\n){1,3} +DeletionPolicy: Retain/);
    expect(text).not.toMatch(/Principal: '?\*|Resource: '?\*/);
  },
);
