package sluice.emrtls;

import java.util.Map;
import java.util.Optional;

/** What a node asks AWS for. */
public interface Services {
  /** The tags of this instance by key. */
  Map<String, String> tags();

  /**
   * The text of a SecureString.
   *
   * @param function the Lambda function that reads the parameter, or null when the node reads it itself
   * @param parameter its name, perhaps with {@code :label} behind it
   * @return nothing when there is no such parameter or label
   */
  Optional<String> readParameter(String function, String parameter);
}
