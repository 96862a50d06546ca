import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Takes wabagate's events. Copy this file into your program; it needs nothing but a JDK, 11 or newer.
 *
 * <pre>WEBHOOK_SECRET=whsec_… java Receiver.java 3000</pre>
 *
 * POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
 * are for webhooks whose receiver verifies as another product taught it to.
 */
public final class Receiver {
    static final long TOLERANCE = 300; // seconds between the timestamp of a request and this clock, either way
    static final int LARGEST = 8 << 20; // bytes of a body; events of 3 MB exist
    static final int WAITING = 1000; // events that are kept and not handled yet
    static final int REMEMBERED = 100_000; // ids of events that came already

    /**
     * Says whether a request comes from wabagate, is unchanged and is new. raw is the body as it came: what Jackson writes
     * from a parsed object has other bytes, and another signature. In Spring take @RequestBody byte[].
     */
    static boolean fromWabagate(String secret, HttpExchange x, byte[] raw) {
        String id = header(x, "webhook-id");
        String timestamp = header(x, "webhook-timestamp");
        if (id.isEmpty() || !fresh(timestamp)) {
            return false;
        }
        String want = "v1," + Base64.getEncoder().encodeToString(mac(key(secret), id + "." + timestamp + ".", raw));
        boolean found = false;
        // While a secret is being changed there are two signatures, one by each secret: one of them is enough.
        for (String given : header(x, "webhook-signature").split(" ")) {
            found |= same(given, want);
        }
        return found;
    }

    /**
     * What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of
     * another form is used as it is.
     */
    static byte[] key(String secret) {
        if (secret.startsWith("whsec_") && secret.length() > 6) {
            try {
                return Base64.getDecoder().decode(secret.substring(6));
            } catch (IllegalArgumentException notBase64) {
                // a text after all
            }
        }
        return utf8(secret);
    }

    /**
     * How another product signs: in hex, in a header of its own, with the whole secret as text, whsec_ included. With a
     * timestamp header that is signed before the body, with a dot between; null: the body alone is.
     */
    static final class Product {
        final String header, prefix, timestamp;

        Product(String header, String prefix, String timestamp) {
            this.header = header;
            this.prefix = prefix;
            this.timestamp = timestamp;
        }
    }

    /** By the path that a webhook of that dialect is pointed at. Keep those that you use. */
    static final Map<String, Product> PRODUCTS = Map.of(
            "/webhooks/twabot", new Product("X-TwaBot-Signature", "", null),
            "/webhooks/platform", new Product("X-Webhook-Signature", "", null),
            "/webhooks/digest", new Product("X-Webhook-Signature", "", null),
            "/webhooks/awalchat", new Product("X-Awal-Webhook-Signature", "", "X-Awal-Webhook-Timestamp"),
            "/webhooks/cloud", new Product("X-Hub-Signature-256", "sha256=", null));

    /**
     * fromWabagate for another product's signature. Where that covers the body alone, nobody can tell an old request from a
     * new one, nor whether webhook-id was changed: prefer fromWabagate, which works for the same requests.
     */
    static boolean asProduct(Product product, String secret, HttpExchange x, byte[] raw) {
        String before = "";
        if (product.timestamp != null) {
            if (!fresh(header(x, product.timestamp))) {
                return false;
            }
            before = header(x, product.timestamp) + ".";
        }
        StringBuilder want = new StringBuilder(product.prefix);
        for (byte b : mac(utf8(secret), before, raw)) {
            want.append(String.format("%02x", b)); // BigInteger loses leading zeros
        }
        return same(header(x, product.header), want.toString());
    }

    static byte[] mac(byte[] key, String before, byte[] raw) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256"); // one for each request: it is not safe for several threads
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update(utf8(before));
            return mac.doFinal(raw); // bytes: new String(raw) breaks what is not in the platform's charset
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e); // every JDK has it
        }
    }

    /** Compares in constant time: that of equals tells how much of a guess was right. */
    static boolean same(String given, String want) {
        return MessageDigest.isEqual(utf8(given), utf8(want));
    }

    /**
     * Says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request could
     * send it for ever.
     */
    static boolean fresh(String timestamp) {
        return timestamp.matches("[0-9]{1,18}") && Math.abs(Instant.now().getEpochSecond() - Long.parseLong(timestamp)) <= TOLERANCE;
    }

    static String header(HttpExchange x, String name) {
        String value = x.getRequestHeaders().getFirst(name);
        return value == null ? "" : value;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** One event as it came. */
    static final class Delivery {
        String id, path, skipped;
        boolean test; // sample data, from "send test", wabagate trigger or the receiver check
        byte[] raw;
    }

    /**
     * Keeps each event once until it is handled. This one forgets all when the process ends: make yours a table with the id
     * as its key (INSERT … ON CONFLICT DO NOTHING), and answer when that is committed.
     */
    static final class Inbox {
        final BlockingQueue<Delivery> queue = new ArrayBlockingQueue<>(WAITING);
        private final Map<String, Boolean> known = new LinkedHashMap<>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
                return size() > REMEMBERED;
            }
        };

        synchronized Answer keep(Delivery d) {
            if (known.containsKey(d.id)) {
                return new Answer(200, "had it already"); // deliveries are repeated when an answer was lost
            }
            if (!queue.offer(d)) {
                return new Answer(503, "too many events are waiting"); // it is sent again later
            }
            known.put(d.id, true);
            return new Answer(200, "taken");
        }
    }

    static final class Answer {
        final int status;
        final String text;

        Answer(int status, String text) {
            this.status = status;
            this.text = text;
        }
    }

    /**
     * Does what is to be done about an event.
     *
     * The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in
     * that order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that
     * are still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each
     * conversation, and let no event change what a later one has set. Refuse none for it.
     */
    static void handle(Delivery d) {
        // GET /api/client/event-types shows what is in it.
        Object event = new Json(new String(d.raw, StandardCharsets.UTF_8)).read();
        String name = Json.text(event, "type") + Json.text(event, "event"); // the dialects twabot and awalchat call it event
        String said = "";
        if (d.path.equals("/webhooks")) { // else another product's body: what you wrote for that product goes on from here
            switch (name) {
                case "message.received":
                    String text = Json.text(event, "data", "message", "text");
                    text = text.substring(0, text.offsetByCodePoints(0, Math.min(80, text.codePointCount(0, text.length()))));
                    said = ": " + Json.text(event, "data", "message", "from") + " wrote \"" + text.replaceAll("\\p{Cntrl}", " ") + "\"";
                    break;
                case "message.report":
                    said = ": " + Json.text(event, "data", "status", "message_id") + " is " + Json.text(event, "data", "status", "status");
                    break;
                case "order.created":
                    said = ": " + Json.text(event, "data", "order", "total") + " " + Json.text(event, "data", "order", "currency");
                    break;
                default: // nothing to do
            }
        }
        if (!d.skipped.isEmpty()) {
            said += ", before " + d.skipped;
        }
        OUT.println(name + " " + d.id + said + (d.test ? " (a test)" : ""));
    }

    /**
     * What to answer. Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent
     * again, for days. So has an answer that comes after the webhook's timeout: work afterwards.
     */
    static Answer receive(Inbox inbox, String secret, HttpExchange x) throws IOException {
        Delivery d = new Delivery();
        d.path = x.getRequestURI().getPath();
        Product product = PRODUCTS.get(d.path);
        if (product == null && !d.path.equals("/webhooks")) {
            return new Answer(404, "not here");
        }
        if (!x.getRequestMethod().equals("POST")) {
            return new Answer(405, "POST events here");
        }
        d.raw = x.getRequestBody().readNBytes(LARGEST + 1);
        if (d.raw.length > LARGEST) {
            return new Answer(413, "too large");
        }
        if (!(product == null ? fromWabagate(secret, x, d.raw) : asProduct(product, secret, x, d.raw))) {
            return new Answer(401, "wrong signature");
        }
        if (d.path.equals("/webhooks/awalchat")) { // asks a new receiver to repeat a text
            Object ask = new Json(new String(d.raw, StandardCharsets.UTF_8)).read();
            if (Json.text(ask, "type").equals("verification")) {
                return new Answer(200, "{\"challenge\":\"" + Json.text(ask, "challenge").replaceAll("[^A-Za-z0-9_.-]", "") + "\"}");
            }
        }
        d.id = header(x, "webhook-id");
        d.skipped = header(x, "X-Wabagate-Skipped");
        d.test = !header(x, "X-Wabagate-Test").isEmpty();
        return inbox.keep(d);
    }

    static void serve(Inbox inbox, String secret, HttpExchange x) {
        try (x) {
            Answer answer = receive(inbox, secret, x);
            byte[] text = utf8(answer.text);
            x.getResponseHeaders().set("Content-Type", answer.text.startsWith("{") ? "application/json" : "text/plain");
            if (answer.status == 413) {
                x.getResponseHeaders().set("Connection", "close"); // the rest of the body is not read
            }
            x.sendResponseHeaders(answer.status, text.length);
            x.getResponseBody().write(text);
        } catch (IOException | RuntimeException e) {
            e.printStackTrace(); // without an answer the event is sent again
        }
    }

    // In UTF-8 whatever the terminal: customers write in all letters.
    static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    public static void main(String[] args) throws IOException {
        String secret = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
        if (secret.isEmpty()) {
            System.err.println("set WEBHOOK_SECRET to the webhook's secret");
            System.exit(1);
        }
        int port = Integer.parseInt(args.length > 0 ? args[0] : System.getenv().getOrDefault("PORT", "3000"));
        Inbox inbox = new Inbox();
        Thread worker = new Thread(() -> {
            while (true) { // after the answer, one event after the other
                try {
                    handle(inbox.queue.take());
                } catch (InterruptedException e) {
                    return;
                } catch (RuntimeException | StackOverflowError e) {
                    e.printStackTrace(); // wabagate has its 200 and does not send it again
                }
            }
        });
        worker.setDaemon(true);
        worker.start();
        // For this machine alone: put the proxy that speaks TLS before it, or listen on all addresses in a container.
        System.setProperty("sun.net.httpserver.nodelay", "true"); // else each answer waits 40 ms for nothing
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", x -> serve(inbox, secret, x));
        server.start();
        OUT.println("listening on " + server.getAddress().getPort());
    }

    /** Reads JSON into maps, lists, texts, numbers as text, and null. The JDK has nothing for it: in earnest take Jackson. */
    static final class Json {
        private final String in;
        private int at;

        Json(String in) {
            this.in = in;
        }

        /** The text or number below names in nested objects; empty where there is none. */
        static String text(Object value, String... names) {
            for (String name : names) {
                value = value instanceof Map ? ((Map<?, ?>) value).get(name) : null;
            }
            return value instanceof String ? (String) value : "";
        }

        Object read() {
            char c = peek();
            if (c == '"') {
                return string();
            }
            if (c == '{') {
                Map<String, Object> object = new LinkedHashMap<>();
                for (at++; peek() != '}'; skip(',')) {
                    peek();
                    String name = string();
                    peek();
                    skip(':');
                    object.put(name, read());
                }
                at++;
                return object;
            }
            if (c == '[') {
                List<Object> list = new ArrayList<>();
                for (at++; peek() != ']'; skip(',')) {
                    list.add(read());
                }
                at++;
                return list;
            }
            int begin = at;
            while (at < in.length() && "+-.0123456789abcdefghijklmnopqrstuvwxyzE".indexOf(in.charAt(at)) >= 0) {
                at++;
            }
            if (at == begin) {
                throw new IllegalArgumentException("not JSON at " + at);
            }
            String word = in.substring(begin, at);
            return word.equals("null") ? null : word;
        }

        private char peek() {
            while (at < in.length() && " \t\r\n".indexOf(in.charAt(at)) >= 0) {
                at++;
            }
            return in.charAt(at);
        }

        private void skip(char c) {
            if (peek() == c) {
                at++;
            }
        }

        private String string() {
            StringBuilder text = new StringBuilder();
            for (at++; in.charAt(at) != '"'; at++) {
                char c = in.charAt(at);
                if (c == '\\') {
                    c = in.charAt(++at);
                    int known = "bfnrt".indexOf(c);
                    if (c == 'u') {
                        c = (char) Integer.parseInt(in.substring(at + 1, at + 5), 16);
                        at += 4;
                    } else if (known >= 0) {
                        c = "\b\f\n\r\t".charAt(known);
                    }
                }
                text.append(c);
            }
            at++;
            return text.toString();
        }
    }
}
