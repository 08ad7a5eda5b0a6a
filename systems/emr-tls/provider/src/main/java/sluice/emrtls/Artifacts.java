package sluice.emrtls;

import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What one node presents and trusts. The master presents the certificate of `ssm:ssl:certificate`, every other node the one
 * between nodes. All trust both, and what each parameter held before its last change, under the label `previous`, until
 * that expires.
 */
public final class Artifacts {
  private static final String ROLE = "aws:elasticmapreduce:instance-group-role";
  private static final String FUNCTION = "tls:lambda-fn-name";
  private static final String MASTER_CERTIFICATE = "ssm:ssl:certificate";
  private static final String MASTER_KEY = "ssm:ssl:private-key";
  private static final String NODE_CERTIFICATE = "ssm:ssl:inter-node-certificate";
  private static final String NODE_KEY = "ssm:ssl:inter-node-private-key";
  private static final String PREVIOUS = ":previous";
  /** Certificate and key are two parameters, and may be replaced between the reading of one and the other. */
  private static final int READINGS = 3;
  private static final long PAUSE_MS = Long.getLong("emrtls.pauseMs", 5_000);

  private final PrivateKey privateKey;
  private final String keyText;
  private final List<X509Certificate> chain;
  private final String chainText;
  private final List<Certificate> trusted;

  private Artifacts(
      PrivateKey privateKey,
      String keyText,
      List<X509Certificate> chain,
      String chainText,
      List<Certificate> trusted) {
    this.privateKey = privateKey;
    this.keyText = keyText;
    this.chain = chain;
    this.chainText = chainText;
    this.trusted = trusted;
  }

  public PrivateKey privateKey() {
    return privateKey;
  }

  public List<Certificate> chain() {
    return new ArrayList<>(chain);
  }

  public List<Certificate> trusted() {
    return trusted;
  }

  String keyText() {
    return keyText;
  }

  String chainText() {
    return chainText;
  }

  public static Artifacts read(Services services) {
    Map<String, String> tags = services.tags();
    boolean isMaster = "MASTER".equals(tagOf(tags, ROLE));
    String function = tags.get(FUNCTION);
    String certificateOfMaster = tagOf(tags, MASTER_CERTIFICATE);
    String certificateOfNodes = tagOf(tags, NODE_CERTIFICATE);
    String own = isMaster ? certificateOfMaster : certificateOfNodes;
    String key = tagOf(tags, isMaster ? MASTER_KEY : NODE_KEY);

    for (int reading = 1; ; reading++) {
      String chainText = parameterOf(services, function, own);
      String keyText = parameterOf(services, function, key);
      List<X509Certificate> chain = Pem.certificates(chainText, own);
      PrivateKey privateKey = Pem.privateKey(keyText, key);
      if (belongTogether(chain.get(0), privateKey)) {
        checkDates(chain, own);
        Set<Certificate> trusted = new LinkedHashSet<>();
        for (String parameter : new String[] {certificateOfMaster, certificateOfNodes}) {
          trusted.addAll(
              parameter.equals(own)
                  ? chain
                  : Pem.certificates(parameterOf(services, function, parameter), parameter));
          services
              .readParameter(function, parameter + PREVIOUS)
              .map(text -> Pem.certificates(text, parameter + PREVIOUS))
              .ifPresent(before -> before.stream().filter(Artifacts::isValid).forEach(trusted::add));
        }
        return new Artifacts(privateKey, keyText, chain, chainText, new ArrayList<>(trusted));
      }
      if (reading == READINGS)
        throw new ProviderFailure(
            "the key in the parameter " + key + " is not that of the certificate in " + own + "; store both anew");
      pause();
    }
  }

  private static String tagOf(Map<String, String> tags, String key) {
    String value = tags.get(key);
    if (value == null || value.isEmpty())
      throw new ProviderFailure("the instance has no tag " + key + "; create the cluster with it");
    return value;
  }

  private static String parameterOf(Services services, String function, String parameter) {
    Optional<String> text = services.readParameter(function, parameter);
    return text.orElseThrow(
        () -> new ProviderFailure("there is no parameter " + parameter + "; store it, or correct the cluster's tags"));
  }

  private static void checkDates(List<X509Certificate> chain, String parameter) {
    for (X509Certificate certificate : chain) {
      String name = certificate.getSubjectX500Principal().getName();
      try {
        certificate.checkValidity();
      } catch (CertificateExpiredException expired) {
        throw new ProviderFailure(
            "the certificate " + name + " in " + parameter + " ended on " + certificate.getNotAfter().toInstant() + "; store a new one");
      } catch (CertificateNotYetValidException early) {
        throw new ProviderFailure(
            "the certificate " + name + " in " + parameter + " begins on " + certificate.getNotBefore().toInstant() + "; set the node's clock");
      }
    }
  }

  private static boolean isValid(X509Certificate certificate) {
    try {
      certificate.checkValidity();
      return true;
    } catch (CertificateExpiredException | CertificateNotYetValidException ended) {
      return false;
    }
  }

  /** Whether what the key signs is verified by the certificate. */
  private static boolean belongTogether(X509Certificate certificate, PrivateKey key) {
    String algorithm = key.getAlgorithm();
    if (!certificate.getPublicKey().getAlgorithm().equals(algorithm)) return false;
    try {
      Signature signature = Signature.getInstance(algorithm.equals("EC") ? "SHA256withECDSA" : "SHA256withRSA");
      byte[] probe = {1, 2, 3};
      signature.initSign(key);
      signature.update(probe);
      byte[] signed = signature.sign();
      signature.initVerify(certificate.getPublicKey());
      signature.update(probe);
      return signature.verify(signed);
    } catch (GeneralSecurityException otherKey) {
      return false;
    }
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE_MS);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new ProviderFailure("the node stopped while its certificate was read; start it again", interrupted);
    }
  }
}
