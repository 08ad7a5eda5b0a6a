import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { projectDataFolder, recordDevStack, useDevStack } from '../../../src/cli/devStack';

const root = mkdtempSync(path.join(tmpdir(), 'sluice-dev-stack-'));
const dir = path.join(root, 'elsewhere');
const before = process.env;
afterAll(() => {
  process.env = before;
  rmSync(root, { recursive: true, force: true });
});

function addressFound(): string | undefined {
  process.env = {};
  const command = new Command('list').option('--config <file>');
  command.parse(['--config', path.join(root, 'sluice.config.ts')], { from: 'user' });
  useDevStack(command);
  return process.env['TEMPORAL_ADDRESS'];
}

test('the commands of a project find its stack whose data are elsewhere, until it ends', async () => {
  writeFileSync(path.join(root, 'sluice.config.ts'), '');
  const record = await recordDevStack({ dir, env: { TEMPORAL_ADDRESS: 'a:1' } }, root);
  expect(addressFound()).toBe('a:1');
  // A second one takes nothing from the first.
  const other = await recordDevStack({ dir: `${dir}2`, env: { TEMPORAL_ADDRESS: 'b:2' } }, root);
  await other.remove();
  expect(addressFound()).toBe('a:1');
  await record.remove();
  expect(addressFound()).toBeUndefined();
  expect(existsSync(path.join(projectDataFolder(root), 'dev.json'))).toBe(false);
});
