import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.server.blockmanagement.DatanodeDescriptor;
import org.apache.hadoop.hdfs.server.blockmanagement.DatanodeManager;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.hdfs.server.namenode.FSNamesystem;

/**
 * A real HDFS in one process: a NameNode and DataNodes of Hadoop's own mini cluster, with a few verbs over HTTP. It ends when
 * its standard input does, so it does not outlive whoever started it.
 *
 * <p>Arguments: PORT DIR DATANODES REPLICATION.
 */
public final class MiniCluster {
  private static final String DATA = "/data";
  private static final int WRITERS = 8;

  private final Configuration conf = new Configuration();
  private final Path excludes;
  private final MiniDFSCluster cluster;
  private final FileSystem fs;
  private final TreeSet<String> excluded = new TreeSet<>();
  private final Set<DataNode> removed = ConcurrentHashMap.newKeySet();
  private final AtomicLong written = new AtomicLong();

  public static void main(String[] args) throws Exception {
    MiniCluster mini =
        new MiniCluster(new File(args[1]), Integer.parseInt(args[2]), Integer.parseInt(args[3]));
    HttpServer server =
        HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/", mini::answer);
    server.start();
    System.out.println("ready");
    while (System.in.read() >= 0) {}
    System.exit(0);
  }

  private MiniCluster(File folder, int dataNodes, int replication) throws IOException {
    excludes = folder.toPath().resolve("excludes");
    Files.createDirectories(folder.toPath());
    Files.writeString(excludes, "");
    conf.setInt("dfs.replication", replication);
    conf.set("dfs.hosts.exclude", excludes.toString());
    conf.setInt("dfs.heartbeat.interval", 1);
    conf.setInt("dfs.namenode.fs-limits.min-block-size", 1024);
    // A writer that closes a file asks again so soon whether its DataNodes have told of its block; by default after 400 ms.
    conf.setInt("dfs.client.block.write.locateFollowingBlock.initial.delay.ms", 20);
    cluster = new MiniDFSCluster.Builder(conf, folder).numDataNodes(dataNodes).build();
    cluster.waitActive();
    fs = cluster.getFileSystem();
  }

  private void answer(HttpExchange exchange) throws IOException {
    int status = 200;
    String body;
    try {
      body = dispatch(exchange.getRequestURI().getPath(), query(exchange));
    } catch (Exception e) {
      status = e instanceof IllegalArgumentException ? 400 : 500;
      body = "{\"message\":" + quote(String.valueOf(e.getMessage())) + "}";
    }
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("content-type", "application/json");
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private String dispatch(String path, Map<String, String> given) throws Exception {
    switch (path) {
      case "/status":
        return status();
      case "/add":
        return add(Integer.parseInt(given.get("count")));
      case "/drain":
        return drain(Arrays.asList(given.get("names").split(",")));
      case "/remove":
        return remove(given.get("name"));
      case "/configure":
        for (Map.Entry<String, String> property : given.entrySet())
          cluster.getNameNode().reconfigureProperty(property.getKey(), property.getValue());
        return status();
      case "/write":
        return write(Integer.parseInt(given.get("files")), Integer.parseInt(given.get("bytes")));
      case "/check":
        return check();
      default:
        throw new IllegalArgumentException("no such verb: " + path);
    }
  }

  private synchronized String add(int count) throws Exception {
    cluster.startDataNodes(conf, count, true, null, null);
    for (DataNode running : cluster.getDataNodes())
      while (!removed.contains(running) && !isRegistered(running)) Thread.sleep(50);
    return status();
  }

  /** A DataNode has no id before it has registered; one that was removed counts no more. */
  private boolean isRegistered(DataNode running) throws IOException {
    if (removed.contains(running)) return false;
    return running.getDatanodeId() != null && nodes().getDatanode(running.getDatanodeId()) != null;
  }

  /** FileSystem.refreshNodes would read a configuration without the file of excluded nodes. */
  private synchronized String drain(List<String> names) throws Exception {
    excluded.addAll(names);
    Files.write(excludes, excluded);
    nodes().refreshNodes(conf);
    return status();
  }

  private synchronized String remove(String name) throws Exception {
    // It stays in the mini cluster's list: the folders of its nodes are numbered by that.
    for (DataNode running : cluster.getDataNodes())
      if (isRegistered(running) && running.getDatanodeId().getXferAddr().equals(name)) {
        removed.add(running);
        running.shutdown();
      }
    return status();
  }

  private String write(int files, int bytes) throws Exception {
    ExecutorService writers = Executors.newFixedThreadPool(WRITERS);
    int first = files().length;
    List<Future<?>> all = new ArrayList<>();
    for (int i = first; i < first + files; i++) {
      final int number = i;
      all.add(
          writers.submit(
              () -> {
                try (FSDataOutputStream out =
                    fs.create(new org.apache.hadoop.fs.Path(DATA, "file-" + number))) {
                  out.write(content(number, bytes));
                }
                written.addAndGet(bytes);
                return null;
              }));
    }
    for (Future<?> one : all) one.get();
    writers.shutdown();
    return status();
  }

  /** Reads every file to its end and compares it with what was written. */
  private String check() throws Exception {
    int readable = 0;
    FileStatus[] files = files();
    for (FileStatus file : files) {
      byte[] bytes = new byte[(int) file.getLen()];
      try (FSDataInputStream in = fs.open(file.getPath())) {
        in.readFully(0, bytes);
        int number = Integer.parseInt(file.getPath().getName().substring("file-".length()));
        if (Arrays.equals(bytes, content(number, bytes.length))) readable++;
      } catch (IOException e) {
        System.err.println(file.getPath() + ": " + e.getMessage());
      }
    }
    return "{\"files\":" + files.length + ",\"readable\":" + readable + "}";
  }

  private static byte[] content(int number, int bytes) {
    byte[] content = new byte[bytes];
    Arrays.fill(content, (byte) number);
    return content;
  }

  private FileStatus[] files() throws IOException {
    org.apache.hadoop.fs.Path data = new org.apache.hadoop.fs.Path(DATA);
    return fs.exists(data) ? fs.listStatus(data) : new FileStatus[0];
  }

  private DatanodeManager nodes() {
    return cluster.getNamesystem().getBlockManager().getDatanodeManager();
  }

  private String status() throws IOException {
    FSNamesystem names = cluster.getNamesystem();
    List<String> nodes = new ArrayList<>();
    for (DataNode running : cluster.getDataNodes()) {
      if (!isRegistered(running)) continue;
      DatanodeDescriptor node = nodes().getDatanode(running.getDatanodeId());
      String state =
          node.isDecommissioned()
              ? "decommissioned"
              : node.isDecommissionInProgress() ? "decommissioning" : "in service";
      nodes.add(
          "{\"name\":" + quote(node.getXferAddr())
              + ",\"state\":" + quote(state)
              + ",\"blocks\":" + node.numBlocks()
              + ",\"bytes\":" + node.getDfsUsed() + "}");
    }
    Configuration live = cluster.getNameNode().getConf();
    List<String> properties = new ArrayList<>();
    for (String name :
        new String[] {
          "dfs.namenode.replication.work.multiplier.per.iteration",
          "dfs.namenode.replication.max-streams",
          "dfs.namenode.replication.max-streams-hard-limit"
        })
      if (live.get(name) != null) properties.add(quote(name) + ":" + quote(live.get(name)));
    return "{\"nodes\":[" + String.join(",", nodes) + "]"
        + ",\"properties\":{" + String.join(",", properties) + "}"
        + ",\"replication\":" + conf.getInt("dfs.replication", 3)
        + ",\"checkSeconds\":" + conf.getTimeDuration("dfs.namenode.decommission.interval", 30, TimeUnit.SECONDS)
        + ",\"blocks\":" + names.getBlocksTotal()
        + ",\"bytesUsed\":" + names.getCapacityUsed()
        + ",\"bytesTotal\":" + names.getCapacityTotal()
        + ",\"bytesWritten\":" + written.get()
        + ",\"underReplicated\":" + names.getUnderReplicatedBlocks()
        + ",\"handedOut\":" + names.getScheduledReplicationBlocks()
        + ",\"missing\":" + names.getMissingBlocksCount() + "}";
  }

  private static Map<String, String> query(HttpExchange exchange) {
    Map<String, String> given = new HashMap<>();
    String raw = exchange.getRequestURI().getRawQuery();
    if (raw == null) return given;
    for (String pair : raw.split("&")) {
      String[] parts = pair.split("=", 2);
      given.put(decode(parts[0]), parts.length > 1 ? decode(parts[1]) : "");
    }
    return given;
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private static String quote(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
  }
}
