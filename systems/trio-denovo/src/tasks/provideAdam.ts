import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import {
  defineTask,
  ensurePythonPackages,
  field,
  MultipartUpload,
  parseS3Uri,
  type PythonPackages,
} from 'sluice';
import { putText } from '../objects';

/** Its assembly for Spark 3 and Scala 2.12 is inside. */
export const ADAM: PythonPackages = {
  name: 'adam-1.0',
  title: 'ADAM, which reads genomes on Spark',
  packages: ['bdgenomics.adam==1.0'],
  dependencies: false,
};
const JAR = join('bdgenomics', 'adam', 'jars', 'adam.jar');
const BOOTSTRAP = join(__dirname, '..', '..', 'jobs', 'trio-denovo', 'install-adam.sh');

/**
 * `provide-adam`: puts ADAM's JAR, and the script by which the nodes of a cluster fetch it, into the lake. It is kept in the
 * cache, and uploaded only where it is not there yet.
 */
export const provideAdam = defineTask(
  {
    name: 'provide-adam',
    about: "Puts ADAM's JAR into the lake.",
    input: { jar: field.object(), bootstrap: field.object() },
  },
  async ({ jar, bootstrap }, { s3, signal, report }) => {
    const { sitePackages } = await ensurePythonPackages(ADAM, {
      env: process.env,
      report: (line) => report({ doing: line }),
    });
    const file = join(sitePackages, JAR);
    const { size } = await stat(file);
    const { bucket, key } = parseS3Uri(jar)!;
    const there = await s3
      .send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal })
      .catch((error: Error) => {
        if (!['NotFound', 'NoSuchKey'].includes(error.name)) throw error;
        return null;
      });
    if (there?.ContentLength !== size) {
      const upload = new MultipartUpload(s3, { bucket, key }, signal);
      try {
        for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
          await upload.write(chunk);
          report({ uploaded: upload.size, of: size });
        }
        await upload.finish();
      } finally {
        await upload.abort();
      }
    }
    const text = await readFile(BOOTSTRAP, 'utf8');
    await putText(s3, bootstrap, { text, contentType: 'text/x-shellscript', signal });
    return { output: jar };
  },
);
