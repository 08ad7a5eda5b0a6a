package sluice.emrtls;

import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Certificates and keys as text between BEGIN and END (RFC 7468). */
final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \\1-----");

  private Pem() {}

  /** All certificates of the text, in its order: the leaf first. */
  static List<X509Certificate> certificates(String text, String parameter) {
    List<X509Certificate> found = new ArrayList<>();
    try {
      CertificateFactory factory = CertificateFactory.getInstance("X.509");
      Matcher blocks = BLOCK.matcher(text);
      while (blocks.find())
        if (blocks.group(1).equals("CERTIFICATE"))
          found.add(
              (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(bytesOf(blocks.group(2)))));
    } catch (CertificateException | IllegalArgumentException wrong) {
      throw new ProviderFailure(
          "the parameter " + parameter + " has a certificate that cannot be read; store it in PEM", wrong);
    }
    if (found.isEmpty())
      throw new ProviderFailure(
          "the parameter " + parameter + " has no certificate; store one in PEM (BEGIN CERTIFICATE)");
    return found;
  }

  /** The private key of the text, in PKCS#8: RSA or EC. */
  static PrivateKey privateKey(String text, String parameter) {
    Matcher blocks = BLOCK.matcher(text);
    while (blocks.find()) {
      String label = blocks.group(1);
      if (label.equals("PRIVATE KEY")) return keyOf(blocks.group(2), parameter);
      if (label.endsWith("PRIVATE KEY"))
        throw new ProviderFailure(
            "the parameter "
                + parameter
                + " has a key of the form "
                + label
                + "; store it as PKCS#8 without a password (openssl pkcs8 -topk8 -nodes)");
    }
    throw new ProviderFailure(
        "the parameter " + parameter + " has no private key; store one in PEM (BEGIN PRIVATE KEY)");
  }

  private static PrivateKey keyOf(String base64, String parameter) {
    for (String algorithm : new String[] {"RSA", "EC"}) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(bytesOf(base64)));
      } catch (InvalidKeySpecException otherAlgorithm) {
        // The next one is tried.
      } catch (GeneralSecurityException | IllegalArgumentException unreadable) {
        break;
      }
    }
    // Without the cause, whose message may hold a piece of the key.
    throw new ProviderFailure("the key in the parameter " + parameter + " cannot be read; store an RSA or EC key as PKCS#8");
  }

  private static byte[] bytesOf(String base64) {
    return Base64.getMimeDecoder().decode(base64);
  }
}
