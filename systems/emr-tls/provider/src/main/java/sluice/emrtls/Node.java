package sluice.emrtls;

import com.amazonaws.services.elasticmapreduce.spi.security.TLSArtifacts;
import com.amazonaws.services.elasticmapreduce.spi.security.TLSArtifactsProvider;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A node on one machine, which does what its standard input says, a line each, and answers each line with one line.
 *
 * <pre>
 *   load                                     -> ready | failed SENTENCE
 *   listen PROTOCOL                          -> listening PORT
 *   connect HOST PORT PROTOCOL               -> connected PROTOCOL SUBJECT | refused REASON
 * </pre>
 *
 * To load is what EMR does: the provider by its class name, then a key store and a trust store from what it gives. A listener
 * wants a certificate of whoever connects. HOST is the name that the other's certificate must be for.
 */
public final class Node {
  private static final char[] PASSWORD = "on this machine".toCharArray();

  private final String provider;
  private SSLContext context;

  private Node(String provider) {
    this.provider = provider;
  }

  /** Takes the name of the provider's class. */
  public static void main(String[] arguments) throws Exception {
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Node node = new Node(arguments[0]);
    for (String line = lines.readLine(); line != null; line = lines.readLine())
      System.out.println(node.answer(line.split(" ")));
    System.exit(0);
  }

  private String answer(String[] words) throws Exception {
    switch (words[0]) {
      case "load":
        return load();
      case "listen":
        return "listening " + listen(words[1]);
      default:
        return connect(words[1], Integer.parseInt(words[2]), words[3]);
    }
  }

  private String load() throws Exception {
    try {
      TLSArtifactsProvider loaded =
          (TLSArtifactsProvider) Class.forName(provider).getDeclaredConstructor().newInstance();
      context = contextOf(loaded.getTlsArtifacts());
      return "ready";
    } catch (ProviderFailure failure) {
      return "failed " + failure.getMessage();
    }
  }

  private static SSLContext contextOf(TLSArtifacts artifacts) throws Exception {
    KeyStore keys = KeyStore.getInstance("PKCS12");
    keys.load(null, null);
    List<Certificate> chain = artifacts.getCertificateChain();
    keys.setKeyEntry("node", artifacts.getPrivateKey(), PASSWORD, chain.toArray(new Certificate[0]));
    KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keyManagers.init(keys, PASSWORD);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    int number = 0;
    for (Certificate certificate : artifacts.getTrustedCertificates())
      trusted.setCertificateEntry("trusted-" + number++, certificate);
    TrustManagerFactory trustManagers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trustManagers.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
    return context;
  }

  /** Listens until the process ends. */
  private int listen(String protocol) throws IOException {
    SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0);
    server.setEnabledProtocols(new String[] {protocol});
    server.setNeedClientAuth(true);
    Thread listener =
        new Thread(
            () -> {
              for (; ; ) {
                try (SSLSocket socket = (SSLSocket) server.accept()) {
                  int first = socket.getInputStream().read();
                  socket.getOutputStream().write(first);
                } catch (IOException refused) {
                  // The other side tells.
                }
              }
            });
    listener.setDaemon(true);
    listener.start();
    return server.getLocalPort();
  }

  private String connect(String host, int port, String protocol) {
    try (java.net.Socket plain = new java.net.Socket("127.0.0.1", port);
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, true)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      parameters.setProtocols(new String[] {protocol});
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      // With TLS 1.3 the listener refuses a certificate after the handshake has ended here.
      socket.getOutputStream().write(1);
      if (socket.getInputStream().read() != 1) return "refused the listener closed the connection";
      X509Certificate peer = (X509Certificate) socket.getSession().getPeerCertificates()[0];
      return "connected " + socket.getSession().getProtocol() + " " + peer.getSubjectX500Principal().getName();
    } catch (IOException | IllegalArgumentException refused) {
      return "refused " + String.valueOf(refused.getMessage()).replace('\n', ' ');
    }
  }
}
