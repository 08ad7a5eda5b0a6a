import type { ErrorCode } from '../errors';

/**
 * What the names of services' errors mean. A test holds the list against every error that the services' own models list for
 * the calls in use; names of the protocols and of S3, which no model lists, are here besides
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
 * https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html).
 */
const NAMES = {
  Throttled: `ThrottlingException Throttling ThrottledException TooManyRequestsException RequestLimitExceeded
    ProvisionedThroughputExceededException SlowDown RequestThrottled RequestThrottledException BandwidthLimitExceeded
    KMSThrottling KMSThrottlingException EC2ThrottledException`,
  NoCapacity: `LimitExceededException ConcurrentRunsExceededException ResourceNumberLimitExceededException CrawlerRunningException
    CrawlerStoppingException ServiceQuotaExceededException ActiveSessionsExceededException ActiveStatementsExceededException
    ActiveWaitingRequestsExceededException ENILimitReachedException SubnetIPAddressLimitReachedException`,
  Transient: `RequestTimeout RequestTimeoutException OperationTimeoutException TimeoutError AbortError
    ConcurrentModificationException ConflictException OperationAborted ConditionalRequestConflict TransactionInProgressException
    InternalError InternalErrorException InternalFailure InternalServerError InternalServerException InternalServiceException
    ServiceException ServiceUnavailable ServiceUnavailableException DependencyFailedException
    BatchExecuteStatementException ExecuteStatementException DatabaseConnectionException QueryTimeoutException
    EC2UnexpectedException ENINotReadyException EFSIOException EFSMountConnectivityException EFSMountTimeoutException
    S3FilesMountConnectivityException S3FilesMountTimeoutException CodeArtifactUserPendingException ResourceConflictException
    ResourceNotReadyException SnapStartNotReadyException SnapStartTimeoutException SnapStartRegenerationFailureException`,
  Credentials: `CredentialsProviderError ExpiredToken ExpiredTokenException ExpiredCredentials TokenRefreshRequired
    InvalidClientTokenId InvalidToken UnrecognizedClientException InvalidSignatureException InvalidSignature
    SignatureDoesNotMatch RequestExpired RequestTimeTooSkewed RequestInTheFuture TokenProviderError
    MissingAuthenticationToken MissingAuthenticationTokenException MissingSecurityHeader AuthFailure
    NotAuthenticated NotYetValid InvalidSecurity InvalidSecurityException IncompleteSignature IncompleteSignatureException
    InvalidAccessKeyId InvalidIdentityToken ExpiredTokenError IDPCommunicationError`,
  AccessDenied: `AccessDeniedException AccessDenied UnauthorizedException UnauthorizedOperation AuthorizationError
    AuthorizationErrorException NotAuthorized OptInRequired KMSOptInRequired AllAccessDisabled AccountProblem
    KMSAccessDenied KMSAccessDeniedException EC2AccessDeniedException EFSMountFailureException
    S3FilesMountFailureException`,
  Archived: `InvalidObjectState ObjectNotInActiveTierError`,
  InvalidJob: `InvalidInputException ValidationException ValidationError InvalidParameterException InvalidParameter
    InvalidRequestException InvalidRequest InvalidParameterValueException ParameterValueInvalid InvalidParameterValue
    EntityNotFoundException ResourceNotFoundException NotFound NotFoundException NoSuchBucket NoSuchKey NoSuchUpload
    NoSuchVersion InvalidBucketName TableNotFoundException ExportNotFoundException ExportConflictException
    InvalidExportTimeException PointInTimeRecoveryUnavailableException CrawlerNotRunningException EncryptionTypeMismatch
    InvalidWriteOffset TooManyParts EndpointDisabled EndpointDisabledException
    PlatformApplicationDisabled PlatformApplicationDisabledException KMSDisabled KMSDisabledException KMSInvalidState
    KMSInvalidStateException KMSNotFound KMSNotFoundException CodeArtifactUserDeletedException CodeArtifactUserFailedException
    DurableExecutionAlreadyStartedException InvalidRequestContentException InvalidRuntimeException
    InvalidSecurityGroupIDException InvalidSubnetIDException InvalidZipFileException ModeNotSupportedException
    NoPublishedVersionException RecursiveInvocationException RequestTooLargeException RuntimeAliasDeletedException
    RuntimeVersionDeletedException SerializedRequestEntityTooLargeException SnapStartException UnsupportedMediaTypeException`,
} satisfies Partial<Record<ErrorCode, string>>;

/** Error name -> code. */
export const ERROR_NAMES: ReadonlyMap<string, ErrorCode> = new Map(
  Object.entries(NAMES).flatMap(([code, names]) =>
    names.split(/\s+/).map((name) => [name, code as ErrorCode] as const),
  ),
);
