import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/fail-on-leaks.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Files keep nothing in modules, and importing the gateway anew for each took a third of the time.
    isolate: false,
    // Node loads files as it does for users: no import goes by way of a getter, which takes its time.
    experimental: { viteModuleRunner: false },
    testTimeout: 60_000,
    hookTimeout: 90_000,
    watch: false,
  },
})
