package sluice.emrtls;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** Certificate and key as the files that Hue and other programs of the node read: the key for its owner alone. */
public final class CertificateFiles {
  private final Path folder;

  private CertificateFiles(Path folder) {
    this.folder = folder;
  }

  public static CertificateFiles inFolder(String folder) {
    return new CertificateFiles(Paths.get(folder));
  }

  public void write(Artifacts artifacts) {
    try {
      Files.createDirectories(folder);
      write("public.crt", artifacts.chainText(), "rw-r--r--");
      write("private.key", artifacts.keyText(), "rw-------");
    } catch (IOException failed) {
      throw new ProviderFailure(
          "the certificate cannot be written to " + folder + ": " + failed + "; let root run the provider", failed);
    }
  }

  /** The permissions are those of the file from its first byte on, and it is replaced whole. */
  private void write(String name, String text, String permissions) throws IOException {
    Path partial =
        Files.createTempFile(folder, "." + name, "", PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
    try {
      Files.write(partial, text.getBytes(StandardCharsets.UTF_8));
      // The mask of the process may have taken some away.
      Files.setPosixFilePermissions(partial, PosixFilePermissions.fromString(permissions));
      Files.move(partial, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(partial);
    }
  }
}
