package sluice.emrtls;

/** Why a node gets no certificate, in one sentence that ends with what to do. It holds no secret. */
public class ProviderFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  public ProviderFailure(String message) {
    super(message);
  }

  public ProviderFailure(String message, Throwable cause) {
    super(message, cause);
  }
}
