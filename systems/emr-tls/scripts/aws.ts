/** The local stack's AWS: `aws PORT`. It plays the region that the environment names. */
import { AwsDouble } from '../src/doubles/awsDouble';

async function main(): Promise<void> {
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  const played = new AwsDouble({ region });
  await played.listen(Number(process.argv[2]));
  console.log('ready');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void played.close());
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
