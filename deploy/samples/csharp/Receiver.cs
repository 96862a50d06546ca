using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Runtime.Serialization.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Xml;
using System.Xml.Linq;

/// <summary>
/// Takes wabagate's events. Copy this file into your program; it needs nothing but .NET 8 or newer, or Mono 6.
/// <code>
/// WEBHOOK_SECRET=whsec_… dotnet run -- 3000        (with Receiver.csproj beside it)
/// </code>
/// POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
/// are for webhooks whose receiver verifies as another product taught it to.
/// </summary>
public static class Receiver
{
    const long Tolerance = 300; // seconds between the timestamp of a request and this clock, either way
    const int Largest = 8 << 20; // bytes of a body; events of 3 MB exist
    const int Waiting = 1000; // events that are kept and not handled yet
    const int Remembered = 100000; // ids of events that came already

    /// <summary>
    /// Says whether a request comes from wabagate, is unchanged and is new. raw is the body as it came: what JsonSerializer
    /// writes has other bytes, and another signature. In ASP.NET Core read Request.Body, and bind no model.
    /// </summary>
    static bool FromWabagate(string secret, HttpListenerRequest request, byte[] raw)
    {
        string id = Header(request, "webhook-id"), timestamp = Header(request, "webhook-timestamp");
        if (id == "" || !Fresh(timestamp)) return false;
        string want = "v1," + Convert.ToBase64String(Mac(Key(secret), id + "." + timestamp + ".", raw));
        // While a secret is being changed there are two signatures, one by each secret: one of them is enough.
        return Header(request, "webhook-signature").Split(' ').Any(given => Same(given, want));
    }

    /// <summary>
    /// What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of
    /// another form is used as it is.
    /// </summary>
    static byte[] Key(string secret)
    {
        if (secret.StartsWith("whsec_", StringComparison.Ordinal) && secret.Length > 6)
        {
            try { return Convert.FromBase64String(secret.Substring(6)); }
            catch (FormatException) { } // a text after all
        }
        return Encoding.UTF8.GetBytes(secret);
    }

    /// <summary>
    /// How another product signs: in hex, in a header of its own, with the whole secret as text, whsec_ included. With a
    /// timestamp header that is signed before the body, with a dot between; null: the body alone is.
    /// </summary>
    sealed class Product
    {
        public string Header, Prefix = "", Timestamp;
    }

    /// <summary>By the path that a webhook of that dialect is pointed at. Keep those that you use.</summary>
    static readonly Dictionary<string, Product> Products = new Dictionary<string, Product>
    {
        ["/webhooks/twabot"] = new Product { Header = "X-TwaBot-Signature" },
        ["/webhooks/platform"] = new Product { Header = "X-Webhook-Signature" },
        ["/webhooks/digest"] = new Product { Header = "X-Webhook-Signature" },
        ["/webhooks/awalchat"] = new Product { Header = "X-Awal-Webhook-Signature", Timestamp = "X-Awal-Webhook-Timestamp" },
        ["/webhooks/cloud"] = new Product { Header = "X-Hub-Signature-256", Prefix = "sha256=" },
    };

    /// <summary>
    /// FromWabagate for another product's signature. Where that covers the body alone, nobody can tell an old request from a
    /// new one, nor whether webhook-id was changed: prefer FromWabagate, which works for the same requests.
    /// </summary>
    static bool AsProduct(Product product, string secret, HttpListenerRequest request, byte[] raw)
    {
        string before = "";
        if (product.Timestamp != null)
        {
            if (!Fresh(Header(request, product.Timestamp))) return false;
            before = Header(request, product.Timestamp) + ".";
        }
        byte[] sum = Mac(Encoding.UTF8.GetBytes(secret), before, raw);
        string hex = BitConverter.ToString(sum).Replace("-", "").ToLowerInvariant(); // it writes A1-B2
        return Same(Header(request, product.Header), product.Prefix + hex);
    }

    static byte[] Mac(byte[] key, string before, byte[] raw)
    {
        byte[] head = Encoding.UTF8.GetBytes(before);
        using (var mac = new HMACSHA256(key))
        {
            mac.TransformBlock(head, 0, head.Length, null, 0);
            mac.TransformFinalBlock(raw, 0, raw.Length); // bytes: a text of them would have lost what is no UTF-8
            return mac.Hash;
        }
    }

    /// <summary>
    /// Compares in constant time: that of == tells how much of a guess was right. (.NET has
    /// CryptographicOperations.FixedTimeEquals for it, Mono has not.)
    /// </summary>
    static bool Same(string given, string want)
    {
        byte[] a = Encoding.UTF8.GetBytes(given), b = Encoding.UTF8.GetBytes(want);
        int different = a.Length ^ b.Length;
        for (int i = 0; i < a.Length && i < b.Length; i++) different |= a[i] ^ b[i];
        return different == 0;
    }

    /// <summary>
    /// Says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request could
    /// send it for ever.
    /// </summary>
    static bool Fresh(string timestamp)
    {
        return Regex.IsMatch(timestamp, @"\A[0-9]{1,18}\z") && Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - long.Parse(timestamp)) <= Tolerance;
    }

    static string Header(HttpListenerRequest request, string name)
    {
        return request.Headers[name] ?? "";
    }

    /// <summary>One event as it came.</summary>
    sealed class Delivery
    {
        public string Id, Path, Skipped;
        public bool Test; // sample data, from "send test", wabagate trigger or the receiver check
        public byte[] Raw;
    }

    struct Answer
    {
        public readonly int Status;
        public readonly string Text;

        public Answer(int status, string text)
        {
            Status = status;
            Text = text;
        }
    }

    /// <summary>
    /// Keeps each event once until it is handled. This one forgets all when the process ends: make yours a table with the id
    /// as its key (INSERT … ON CONFLICT DO NOTHING), and answer when that is committed.
    /// </summary>
    sealed class Inbox
    {
        public readonly BlockingCollection<Delivery> Queue = new BlockingCollection<Delivery>(Waiting);
        readonly HashSet<string> known = new HashSet<string>();
        readonly Queue<string> order = new Queue<string>(); // of known, oldest first

        public Answer Keep(Delivery d)
        {
            lock (known)
            {
                if (known.Contains(d.Id)) return new Answer(200, "had it already"); // repeated when an answer was lost
                if (!Queue.TryAdd(d)) return new Answer(503, "too many events are waiting"); // it is sent again later
                known.Add(d.Id);
                order.Enqueue(d.Id);
                if (order.Count > Remembered) known.Remove(order.Dequeue());
                return new Answer(200, "taken");
            }
        }
    }

    /// <summary>
    /// Does what is to be done about an event.
    /// The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in
    /// that order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that
    /// are still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each
    /// conversation, and let no event change what a later one has set. Refuse none for it.
    /// </summary>
    static void Handle(Delivery d)
    {
        XElement body = Parse(d.Raw); // GET /api/client/event-types shows what is in it
        string name = Text(body, "type") + Text(body, "event"); // the dialects twabot and awalchat call it event
        string said = "";
        if (d.Path == "/webhooks") // else another product's body: what you wrote for that product goes on from here
        {
            switch (name)
            {
                case "message.received":
                    string text = Regex.Replace(Text(body, "data", "message", "text"), @"\p{Cc}", " ");
                    if (text.Length > 80) text = text.Substring(0, 80);
                    said = ": " + Text(body, "data", "message", "from") + " wrote \"" + text + "\"";
                    break;
                case "message.report":
                    said = ": " + Text(body, "data", "status", "message_id") + " is " + Text(body, "data", "status", "status");
                    break;
                case "order.created":
                    said = ": " + Text(body, "data", "order", "total") + " " + Text(body, "data", "order", "currency");
                    break;
            }
        }
        if (d.Skipped != "") said += ", before " + d.Skipped;
        Console.WriteLine(name + " " + d.Id + said + (d.Test ? " (a test)" : ""));
    }

    /// <summary>Reads JSON in the way that .NET and Mono share. Without Mono take System.Text.Json's JsonDocument.</summary>
    static XElement Parse(byte[] raw)
    {
        using (var reader = JsonReaderWriterFactory.CreateJsonReader(raw, XmlDictionaryReaderQuotas.Max)) return XElement.Load(reader);
    }

    /// <summary>The text or number below names in nested objects; empty where there is none.</summary>
    static string Text(XElement value, params string[] names)
    {
        foreach (string name in names) value = value == null ? null : value.Element(name);
        return value == null || value.HasElements ? "" : value.Value;
    }

    /// <summary>
    /// What to answer. Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent
    /// again, for days. So has an answer that comes after the webhook's timeout: work afterwards.
    /// </summary>
    static Answer Receive(Inbox inbox, string secret, HttpListenerRequest request)
    {
        var d = new Delivery { Path = request.Url.AbsolutePath };
        Product product;
        if (!Products.TryGetValue(d.Path, out product) && d.Path != "/webhooks") return new Answer(404, "not here");
        if (request.HttpMethod != "POST") return new Answer(405, "POST events here");
        d.Raw = ReadAll(request.InputStream, Largest);
        if (d.Raw == null) return new Answer(413, "too large");
        if (!(product == null ? FromWabagate(secret, request, d.Raw) : AsProduct(product, secret, request, d.Raw))) return new Answer(401, "wrong signature");
        if (d.Path == "/webhooks/awalchat") // asks a new receiver to repeat a text
        {
            XElement ask = Parse(d.Raw);
            if (Text(ask, "type") == "verification")
                return new Answer(200, "{\"challenge\":\"" + Regex.Replace(Text(ask, "challenge"), "[^A-Za-z0-9_.-]", "") + "\"}");
        }
        d.Id = Header(request, "webhook-id");
        d.Skipped = Header(request, "X-Wabagate-Skipped");
        d.Test = Header(request, "X-Wabagate-Test") != "";
        return inbox.Keep(d);
    }

    /// <summary>All that a stream holds; null when that is more than most bytes.</summary>
    static byte[] ReadAll(Stream stream, int most)
    {
        var all = new MemoryStream();
        var part = new byte[64 << 10];
        for (int n; (n = stream.Read(part, 0, part.Length)) > 0;)
        {
            all.Write(part, 0, n);
            if (all.Length > most) return null;
        }
        return all.ToArray();
    }

    static void Serve(Inbox inbox, string secret, HttpListenerContext context)
    {
        try
        {
            Answer answer = Receive(inbox, secret, context.Request);
            byte[] text = Encoding.UTF8.GetBytes(answer.Text);
            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = answer.Text.StartsWith("{") ? "application/json" : "text/plain";
            context.Response.ContentLength64 = text.Length;
            context.Response.OutputStream.Write(text, 0, text.Length);
            context.Response.Close();
        }
        catch (Exception e)
        {
            Console.Error.WriteLine(e); // without an answer the event is sent again
            context.Response.Abort();
        }
    }

    public static int Main(string[] args)
    {
        string secret = Environment.GetEnvironmentVariable("WEBHOOK_SECRET") ?? "";
        if (secret == "")
        {
            Console.Error.WriteLine("set WEBHOOK_SECRET to the webhook's secret");
            return 1;
        }
        string port = args.Length > 0 ? args[0] : Environment.GetEnvironmentVariable("PORT") ?? "3000";
        Console.OutputEncoding = new UTF8Encoding(false); // whatever the terminal: customers write in all letters
        var inbox = new Inbox();
        var worker = new Thread(() =>
        {
            foreach (Delivery d in inbox.Queue.GetConsumingEnumerable()) // after the answer, one event after the other
            {
                try { Handle(d); }
                catch (Exception e) { Console.Error.WriteLine(d.Id + " failed: " + e); } // wabagate has its 200 and does not send it again
            }
        });
        worker.IsBackground = true;
        worker.Start();
        // For this machine alone: put the proxy that speaks TLS before it, or listen on http://*:3000/ in a container.
        var listener = new HttpListener();
        listener.Prefixes.Add("http://127.0.0.1:" + port + "/");
        listener.Prefixes.Add("http://localhost:" + port + "/");
        listener.Start();
        Console.WriteLine("listening on " + port);
        while (true)
        {
            HttpListenerContext context = listener.GetContext();
            ThreadPool.QueueUserWorkItem(_ => Serve(inbox, secret, context));
        }
    }
}
