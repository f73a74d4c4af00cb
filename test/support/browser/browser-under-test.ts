import { type Browser, chromium } from 'playwright-core'
import { describe, inject, it } from 'vitest'
import { APP_ORIGIN } from '../stores/stores-under-test.ts'
import type { SharedChromium } from './ensure-chromium.ts'
import { openPageServer } from './page-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether this machine has Chromium; the run says at its end what was not shown without. */
    chromium: SharedChromium
  }
}

/** A browser, and the site of `APP_ORIGIN` that only it can see. */
export interface BrowserUnderTest {
  readonly browser: Browser
  /** Ends both. Repeating it is safe. */
  close(): Promise<void>
}

/**
 * Describes guarantees that only a real browser can show; `open` starts one, for a whole file. Where no
 * browser can be had, one skipped test stands for them in the report, the run says so at its end, and
 * CI has failed long before.
 */
export function describeInBrowser(
  name: string,
  body: (open: () => Promise<BrowserUnderTest>) => void,
): void {
  const found = inject('chromium')
  describe(name, () => {
    if (found.kind === 'unavailable') it.skip('not shown: there is no Chromium here')
    else body(() => openBrowser(found.executablePath))
  })
}

/**
 * Starts a headless Chromium with a profile of its own. Its processes end with `close()`, and by
 * themselves when ours ends: it is driven through a pipe.
 */
async function openBrowser(executablePath: string): Promise<BrowserUnderTest> {
  await using opened = new AsyncDisposableStack()
  const site = await openPageServer()
  opened.defer(site.close)
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    // A container has neither the user namespaces that the sandbox needs nor a GPU.
    chromiumSandbox: false,
    args: [
      '--disable-gpu',
      `--host-resolver-rules=MAP ${new URL(APP_ORIGIN).host}:80 127.0.0.1:${site.port}`,
      // For `crypto.subtle`, which pages otherwise have over TLS or from loopback alone.
      `--unsafely-treat-insecure-origin-as-secure=${APP_ORIGIN}`,
    ],
  })
  opened.defer(() => browser.close())
  const closing = opened.move()
  return { browser, close: () => closing.disposeAsync() }
}
