import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { SluiceError } from 'sluice';

export interface StartJavaNode {
  java: string;
  /** The provider JAR and what the node itself has: the interface. */
  classPath: string[];
  /** Where AWS is played. */
  endpoint: string;
  /** Of this node's metadata service. */
  metadata: string;
  /** Where certificate and key are written; null: nowhere. */
  folder: string | null;
  signal: AbortSignal;
}

/** A node of a cluster, played by a JVM that loads the provider as EMR does: `sluice.emrtls.Node` in the JAR. */
export class JavaNode {
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  /** What the JVM wrote on standard error, the last of it. */
  log = '';

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    createInterface({ input: child.stdout }).on('line', (line) => this.waiting.shift()?.resolve(line));
    child.once('close', () => {
      for (const { reject } of this.waiting.splice(0))
        reject(new Error(`the JVM of a node ended: ${this.log}`));
    });
    child.stderr.on('data', (data: Buffer) => (this.log = (this.log + data.toString()).slice(-8_000)));
  }

  /** @throws SluiceError MissingTool where Java is not there; BadData with the provider's own sentence when it fails */
  static async start(options: StartJavaNode): Promise<JavaNode> {
    const { java, classPath, endpoint, metadata, folder, signal } = options;
    const args = [
      ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      `-Demrtls.endpoint=${endpoint}`,
      `-Dcom.amazonaws.sdk.ec2MetadataServiceEndpointOverride=${metadata}`,
      `-Demrtls.folder=${folder ?? ''}`,
      '-Demrtls.pauseMs=100',
      ...['-cp', classPath.join(':'), 'sluice.emrtls.Node', 'emrtls'],
    ];
    const env = {
      ...process.env,
      ...{ AWS_ACCESS_KEY_ID: 'node', AWS_SECRET_ACCESS_KEY: 'node' },
      AWS_JAVA_V1_DISABLE_DEPRECATION_ANNOUNCEMENT: 'true',
    };
    const child = spawn(java, args, { env, signal });
    const failed = new Promise<never>((_, reject) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        reject(
          error.code === 'ENOENT'
            ? new SluiceError(
                'MissingTool',
                `The provider cannot be tried: there is no program ${java}. Install Java 8 or later, or set JAVA_HOME`,
              )
            : error,
        ),
      );
      child.once('close', (code) => reject(new Error(`the JVM of a node ended with ${code}: ${node.log}`)));
    });
    failed.catch(() => undefined);
    // Told by the end of the process.
    child.stdin.on('error', () => undefined);
    const node = new JavaNode(child);
    await Promise.race([node.load(), failed]).catch((error: unknown) => {
      node.stop();
      throw error;
    });
    return node;
  }

  /**
   * Has the provider read its certificate and key, anew after the first time.
   * @throws SluiceError BadData with the provider's own sentence when it fails
   */
  async load(): Promise<void> {
    const said = await this.ask('load');
    if (said !== 'ready')
      throw new SluiceError('BadData', said.replace(/^failed /, 'The provider gives no certificate: '));
  }

  /** Listens for nodes that present a certificate. Answers the port. */
  async listen(protocol: string): Promise<number> {
    return Number((await this.ask(`listen ${protocol}`)).replace('listening ', ''));
  }

  /** `connected PROTOCOL SUBJECT`, or `refused REASON`. */
  connect(to: { host: string; port: number; protocol: string }): Promise<string> {
    return this.ask(`connect ${to.host} ${to.port} ${to.protocol}`);
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private ask(line: string): Promise<string> {
    const answer = this.nextLine();
    this.child.stdin.write(`${line}\n`);
    return answer;
  }

  private nextLine(): Promise<string> {
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
}
