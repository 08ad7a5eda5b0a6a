/**
 * A test on real servers that fails by the load of the machine passes when it is run again; what failed is printed either
 * way, so that it is looked at.
 */
jest.retryTimes(1, { logErrorsBeforeRetry: true });
