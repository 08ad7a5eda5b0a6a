/**
 * A test on real servers that fails by the load of the machine passes when it is run again; what failed is printed either
 * way, so that it is looked at. Tests without servers are run once.
 */
if (!/\/test\/(unit|contract|corpus)\//.test(expect.getState().testPath!))
  jest.retryTimes(1, { logErrorsBeforeRetry: true });
