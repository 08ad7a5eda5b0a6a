import type { ClientPlugin } from '@temporalio/client';
import type { BundlerPlugin, WorkerPlugin } from '@temporalio/worker';
import { SluiceError } from '../errors';
import type { Config } from './config';

/** For clients, workers and bundles of workflows. */
export type TracingPlugin = ClientPlugin & WorkerPlugin & BundlerPlugin;

export interface Tracing {
  plugin: TracingPlugin;
  /** Sends what is left. */
  end(): Promise<void>;
}

/** Who wants traces installs them beside Sluice; versions as Temporal's interceptors need them. */
const PACKAGES =
  '@temporalio/interceptors-opentelemetry@1.24.0 @opentelemetry/sdk-trace-node@1 @opentelemetry/resources@1 @opentelemetry/exporter-trace-otlp-http@0.57';

/**
 * Begins to send traces of runs, steps and activities by OTLP over HTTP; to where, OpenTelemetry's own variables say
 * (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, …). Null when they are off.
 * @throws SluiceError MissingTool without the packages
 */
export async function startTracing(
  { traces }: Pick<Config, 'traces'>,
  service: string,
): Promise<Tracing | null> {
  if (traces === 'off') return null;
  const [
    { OpenTelemetryPlugin },
    { NodeTracerProvider, BatchSpanProcessor },
    { Resource },
    { OTLPTraceExporter },
  ] = await Promise.all([
    import('@temporalio/interceptors-opentelemetry'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]).catch((cause: unknown) => {
    const message = `SLUICE_TRACES=otlp needs packages that are not installed: npm install ${PACKAGES}`;
    throw new SluiceError('MissingTool', message, { cause });
  });
  const spanProcessor = new BatchSpanProcessor(new OTLPTraceExporter());
  const resource = Resource.default().merge(new Resource({ 'service.name': service }));
  const provider = new NodeTracerProvider({ resource, spanProcessors: [spanProcessor] });
  // The interceptors find their parent by the global context and propagation.
  provider.register();
  return {
    plugin: new OpenTelemetryPlugin({ resource, spanProcessor, tracer: provider.getTracer('sluice') }),
    end: () => provider.shutdown(),
  };
}
