// Receives and verifies work_item.closed. Needs Java 17 or newer, no dependencies:
//   API_KEY=... SIGNING_SECRET=whsec_... java Receiver.java

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    static final String API_KEY = System.getenv("API_KEY");
    static final byte[] SECRET = Base64.getDecoder().decode(System.getenv("SIGNING_SECRET").replaceFirst("^whsec_", ""));
    static final String PATH = "/service-hooks";
    static final long TOLERANCE_S = 5 * 60;
    static final int LARGEST = 1024 * 1024;

    /** Ids of events already received. In production, use a unique database column. */
    static final Set<String> seen = ConcurrentHashMap.newKeySet();
    static final ExecutorService work = Executors.newSingleThreadExecutor();

    public static void main(String[] args) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "4000"));
        // Run it behind TLS: the portal requires an https:// URL.
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext(PATH, Receiver::receive);
        server.start();
    }

    static void receive(HttpExchange exchange) throws IOException {
        try (exchange) {
            // The raw bytes of the body. The signature covers these, not JSON that was serialised again.
            byte[] body = exchange.getRequestBody().readNBytes(LARGEST + 1);
            int status = 204;
            if (!exchange.getRequestMethod().equals("POST")) status = 405;
            else if (body.length > LARGEST) status = 413;
            else if (!isGenuine(exchange.getRequestHeaders(), body)) status = 401;
            // Respond immediately and process later. In production, store the event before you respond.
            exchange.sendResponseHeaders(status, -1);
            String id = exchange.getRequestHeaders().getFirst("webhook-id");
            // Acknowledge a duplicate, but do not process it again.
            if (status == 204 && seen.add(id)) work.execute(() -> handle(id, new String(body, StandardCharsets.UTF_8)));
        }
    }

    /** `json` has the fields of the schema, such as "id". Parse it with a JSON library of your choice. */
    static void handle(String id, String json) {
        System.out.println("work_item.closed " + id + ": " + json);
    }

    /** Verifies API key, timestamp and signature. */
    static boolean isGenuine(Headers headers, byte[] body) {
        String id = headers.getFirst("webhook-id");
        String timestamp = headers.getFirst("webhook-timestamp");
        String signatures = headers.getFirst("webhook-signature");
        if (!isSame(headers.getFirst("x-api-key"), API_KEY) || id == null || timestamp == null || signatures == null) return false;
        try {
            long sent = Long.parseLong(timestamp);
            if (Math.abs(Instant.now().getEpochSecond() - sent) > TOLERANCE_S) return false;
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(SECRET, "HmacSHA256"));
            mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.UTF_8));
            String expected = "v1," + Base64.getEncoder().encodeToString(mac.doFinal(body));
            // During secret rotation the header has several signatures, separated by spaces.
            for (String signature : signatures.split(" ")) {
                if (isSame(signature, expected)) return true;
            }
            return false;
        } catch (NumberFormatException | GeneralSecurityException error) {
            return false;
        }
    }

    /** Compares in constant time. */
    static boolean isSame(String a, String b) {
        return a != null && MessageDigest.isEqual(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }
}
