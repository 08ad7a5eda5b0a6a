import com.amazonaws.services.elasticmapreduce.spi.security.TLSArtifacts;
import com.amazonaws.services.elasticmapreduce.spi.security.TLSArtifactsProvider;
import sluice.emrtls.Artifacts;
import sluice.emrtls.AwsServices;
import sluice.emrtls.CertificateFiles;
import sluice.emrtls.ProviderFailure;

/** The class that a security configuration names: EMR loads it on each node and asks for the node's certificate and key. */
public class emrtls extends TLSArtifactsProvider {
  @Override
  public TLSArtifacts getTlsArtifacts() {
    try {
      Artifacts artifacts = Artifacts.read(new AwsServices());
      String folder = System.getProperty("emrtls.folder", "/etc/certs");
      // A check on one machine wants none.
      if (!folder.isEmpty()) CertificateFiles.inFolder(folder).write(artifacts);
      return new TLSArtifacts(artifacts.privateKey(), artifacts.chain(), artifacts.trusted());
    } catch (ProviderFailure failure) {
      throw told(failure);
    } catch (RuntimeException unexpected) {
      throw told(new ProviderFailure("the provider failed: " + unexpected + "; report it with this message", unexpected));
    }
  }

  /** EMR's log of the node's provisioning has what is written here. */
  private static ProviderFailure told(ProviderFailure failure) {
    System.err.println("emr-tls: " + failure.getMessage());
    return failure;
  }
}
