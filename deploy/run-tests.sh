#!/bin/sh
# Checks and tests side by side, as the tests begin with waiting for what they install. Either fails the
# run. Arguments are for vitest.
npm run -s check &
checks=$!
vitest run "$@"
tests=$?
wait "$checks" || {
  echo 'npm run check has failed: what it said stands above' >&2
  exit 1
}
exit "$tests"
