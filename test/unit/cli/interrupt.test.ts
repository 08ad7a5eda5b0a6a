import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const built = path.join(__dirname, '..', '..', '..', 'dist', 'src', 'cli', 'interrupt.js');

// In a process of its own: Node warns once a process.
test('a wait of many requests leaves no warning of its listeners', async () => {
  const script = `require(${JSON.stringify(built)}).withInterrupt(async (signal) => {
    for (let i = 0; i < 20; i++) signal.addEventListener('abort', () => {});
  })`;
  const { stderr } = await promisify(execFile)(process.execPath, ['-e', script]);
  expect(stderr).toBe('');
});
