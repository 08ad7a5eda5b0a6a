import { statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { SluiceError } from '../errors';
import { isKeyLength, parseS3Uri } from '../pipelines/location';
import { connectS3 } from '../setup/connectS3';
import { uploadFile } from './lake';
import { addJson, type JsonOption } from './options';
import { print, printJson } from './output';

export function addUpload(program: Command): void {
  const command = program
    .command('upload')
    .description('put a file into the lake, as one that arrives')
    .argument('<file>', 'the file')
    .argument('<uri>', 'where: an S3 URI; with "/" at its end, the file keeps its name')
    .addHelpText('after', '\nExample:\n  $ sluice upload people.csv s3://lake/inbox/');
  addJson(command).action(async (file: string, uri: string, { json }: JsonOption) => {
    checkFile(file);
    const target = uri.endsWith('/') ? `${uri}${path.basename(file)}` : uri;
    const key = parseS3Uri(target)?.key;
    if (!key)
      throw new SluiceError(
        'InvalidInput',
        `${uri} is no S3 object; give one such as s3://lake/inbox/people.csv`,
      );
    checkKey(key);
    const s3 = connectS3();
    try {
      await uploadFile(s3, file, target);
    } finally {
      s3.destroy();
    }
    if (json) printJson({ uri: target });
    else print(target);
  });
}

/** @throws SluiceError InvalidInput */
function checkFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile()) return;
  const problem =
    found === undefined
      ? 'there is no such file; give one that is there.'
      : `that is ${found.isDirectory() ? 'a folder' : 'a device or a pipe'} and no file; give a file.`;
  throw new SluiceError('InvalidInput', `${file}: ${problem}`);
}

/** @throws SluiceError InvalidInput for a key that S3, or the folders of a local one, cannot have */
function checkKey(key: string): void {
  if (!isKeyLength(key))
    throw new SluiceError(
      'InvalidInput',
      `The key has ${Buffer.byteLength(key)} bytes, and S3 has keys of up to 1024; give a shorter one.`,
    );
  if (key.split('/').some((part) => part === '..' || part === '.'))
    throw new SluiceError(
      'InvalidInput',
      `${key}: S3 has no folders above others; give a key without ".." and "." between slashes.`,
    );
}
