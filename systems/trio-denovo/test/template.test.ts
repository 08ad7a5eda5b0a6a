import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureAwsTestTools } from '../../../src/local';

/** What cfn-lint says of a template; nothing when it finds nothing. */
async function lint(template: string): Promise<string> {
  const { python } = await ensureAwsTestTools({ env: process.env, report: () => {} });
  const program = 'import sys; from cfnlint.runner import main; sys.exit(main())';
  return new Promise((resolve) => {
    const child = execFile(python, ['-c', program, '--include-checks', 'I'], (error, out, err) =>
      resolve(out + err || (error?.message ?? '')),
    );
    child.stdin!.end(template);
  });
}

test('cfn-lint finds nothing, and would find a mistake', async () => {
  const template = await readFile(join(__dirname, '..', 'template.yaml'), 'utf8');
  expect(await lint(template)).toBe('');
  expect(await lint(template.replace('ManagedPolicyArns:', 'ManagedPolicyArn:'))).toContain(
    'ManagedPolicyArn',
  );
}, 120_000);
