import { statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { SluiceError } from '../errors';
import { parseS3Uri } from '../pipelines/location';
import { connectS3 } from '../setup/connect';
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
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
      throw new SluiceError('InvalidInput', `${file}: there is no such file; give one that is there.`);
    const target = uri.endsWith('/') ? `${uri}${path.basename(file)}` : uri;
    if (!parseS3Uri(target)?.key)
      throw new SluiceError(
        'InvalidInput',
        `${uri} is no S3 object; give one such as s3://lake/inbox/people.csv`,
      );
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
