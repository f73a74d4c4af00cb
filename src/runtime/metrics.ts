import { metrics, trace } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { createTelemetry, type Telemetry } from '../telemetry.ts'

/** Hands out what the meters hold, when asked; it pushes nothing anywhere. */
class PullReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Telemetry of this process, and its metrics in Prometheus' text format. */
export interface ProcessTelemetry {
  readonly telemetry: Telemetry
  readonly readMetrics: () => Promise<string>
  readonly close: () => Promise<void>
}

/**
 * Meters by the OpenTelemetry SDK, read by `/metrics`. Traces go to whatever tracer provider the
 * process has registered, to none by default.
 */
export function openTelemetry(): ProcessTelemetry {
  const reader = new PullReader()
  const provider = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(provider)
  const serializer = new PrometheusSerializer()
  return {
    telemetry: createTelemetry(provider.getMeter('signet'), trace.getTracer('signet')),
    async readMetrics() {
      const { resourceMetrics } = await reader.collect()
      return serializer.serialize(resourceMetrics)
    },
    close: () => provider.shutdown(),
  }
}
