<?php
// Takes wabagate's events. Copy this file into your program; it needs nothing but PHP 8.
//
//     WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:3000 receiver.php        (in earnest under PHP-FPM or Apache)
//
// POST /webhooks takes every dialect, by the signature of Standard Webhooks that each delivery carries. The paths below it
// are for webhooks whose receiver verifies as another product taught it to.
declare(strict_types=1);

const TOLERANCE = 300; // seconds between the timestamp of a request and this clock, either way
const LARGEST = 8 << 20; // bytes of a body; events of 3 MB exist (post_max_size has to allow it too)

// How other products sign: in hex, in a header of their own, with the whole secret as text, whsec_ included; by the path
// that a webhook of that dialect is pointed at: [header, prefix, header of the timestamp that is signed before the body
// with a dot between]. Keep those that you use.
const PRODUCTS = [
    '/webhooks/twabot' => ['X-TwaBot-Signature', '', ''],
    '/webhooks/platform' => ['X-Webhook-Signature', '', ''],
    '/webhooks/digest' => ['X-Webhook-Signature', '', ''],
    '/webhooks/awalchat' => ['X-Awal-Webhook-Signature', '', 'X-Awal-Webhook-Timestamp'],
    '/webhooks/cloud' => ['X-Hub-Signature-256', 'sha256=', ''],
];

// Says whether the request comes from wabagate, is unchanged and is new. $raw is the body as it came: json_encode writes
// other bytes, and those have another signature. In Laravel it is $request->getContent().
function from_wabagate(string $secret, string $raw): bool
{
    $id = header_of('webhook-id');
    $timestamp = header_of('webhook-timestamp');
    if ($id === '' || !fresh($timestamp)) {
        return false;
    }
    $sum = hash_hmac('sha256', "$id.$timestamp.$raw", key_of($secret), true); // true: the bytes, not their hex
    $want = 'v1,' . base64_encode($sum);
    // While a secret is being changed there are two signatures, one by each secret: one of them is enough.
    foreach (explode(' ', header_of('webhook-signature')) as $given) {
        if (hash_equals($want, $given)) { // not ===, whose time tells how much of a guess was right
            return true;
        }
    }
    return false;
}

// What Standard Webhooks signs with: the bytes that the base64 after whsec_ stands for, not its text. A secret of another
// form is used as it is.
function key_of(string $secret): string
{
    return str_starts_with($secret, 'whsec_') ? (base64_decode(substr($secret, 6), true) ?: $secret) : $secret;
}

// from_wabagate for another product's signature. Where that covers the body alone, nobody can tell an old request from a
// new one, nor whether webhook-id was changed: prefer from_wabagate, which works for the same requests.
function as_product(array $product, string $secret, string $raw): bool
{
    [$header, $prefix, $stamp] = $product;
    if ($stamp !== '' && !fresh(header_of($stamp))) {
        return false;
    }
    $signed = $stamp === '' ? $raw : header_of($stamp) . '.' . $raw;
    return hash_equals($prefix . hash_hmac('sha256', $signed, $secret), header_of($header));
}

// Says whether a timestamp, in seconds since 1970, is close to now. Without it whoever gets hold of one request could send
// it for ever.
function fresh(string $timestamp): bool
{
    return ctype_digit($timestamp) && abs(time() - (float) $timestamp) <= TOLERANCE;
}

function header_of(string $name): string
{
    return $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? '';
}

// Keeps an event once, as a file named after its id, and says whether it is new. The file is written aside and linked into
// its place, which only one request can do. A table with the id as its key (INSERT … ON CONFLICT DO NOTHING) is as good,
// and has to be what several servers share. What is older than eight days may be removed.
function keep(string $id, string $raw): ?string
{
    // Where nobody can fetch it: never below the document root.
    $inbox = getenv('WEBHOOK_INBOX') ?: sys_get_temp_dir() . '/wabagate-inbox';
    if (!is_dir($inbox) && !@mkdir($inbox, 0700, true) && !is_dir($inbox)) {
        throw new RuntimeException("cannot make $inbox");
    }
    $file = $inbox . '/' . hash('sha256', $id); // an id is text from outside: not part of a path
    if (file_exists($file)) {
        return null;
    }
    $aside = tempnam($inbox, 'new');
    if ($aside === false || file_put_contents($aside, $raw) !== strlen($raw)) {
        throw new RuntimeException("cannot write to $inbox");
    }
    $new = @link($aside, $file);
    unlink($aside);
    if (!$new && !file_exists($file)) {
        throw new RuntimeException("cannot keep $file");
    }
    return $new ? $file : null;
}

// Does what is to be done about an event.
//
// The events of one conversation carry data.sequence: 1, 2, 3 … A webhook with "ordering":"conversation" gets them in that
// order. One that could not be delivered steps aside after a while; X-Wabagate-Skipped then names the numbers that are
// still to come ("15,16"). Without that ordering they come in any order: keep the highest sequence of each conversation,
// and let no event change what a later one has set. Refuse none for it.
function handle(string $id, string $path, string $raw): void
{
    // GET /api/client/event-types shows what is in it. JSON can hold half an emoji, of a text that was cut; PHP gives up on it.
    $event = json_decode($raw, true) ?? ['type' => 'unreadable'];
    $name = $event['type'] ?? $event['event'] ?? ''; // the dialects twabot and awalchat call it event
    $data = $event['data'] ?? [];
    $said = '';
    if ($path === '/webhooks') { // else another product's body: what you wrote for that product goes on from here
        switch ($name) {
            case 'message.received':
                preg_match('/^.{0,80}/us', $data['message']['text'] ?? '', $begin);
                $said = ': ' . ($data['message']['from'] ?? '') . ' wrote ' . json_encode($begin[0], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
                break;
            case 'message.report':
                $said = ": {$data['status']['message_id']} is {$data['status']['status']}";
                break;
            case 'order.created':
                $said = ": {$data['order']['total']} {$data['order']['currency']}";
                break;
        }
    }
    if (header_of('X-Wabagate-Skipped') !== '') {
        $said .= ', before ' . header_of('X-Wabagate-Skipped');
    }
    if (header_of('X-Wabagate-Test') !== '') {
        $said .= ' (a test)'; // sample data, from "send test", wabagate trigger or the receiver check
    }
    error_log("$name $id$said");
}

// Answers the request, and goes on.
function answer(int $status, string $text): void
{
    http_response_code($status);
    header('Content-Type: ' . (str_starts_with($text, '{') ? 'application/json' : 'text/plain'));
    header('Content-Length: ' . strlen($text));
    echo $text;
    if (function_exists('fastcgi_finish_request')) {
        fastcgi_finish_request(); // under PHP-FPM the answer is gone now
    }
}

// What to answer. Whatever the event is, known, late or of a type not heard of, it is 200: anything else has it sent again,
// for days. So has an answer that comes after the webhook's timeout: work afterwards.
function receive(string $path): void
{
    $secret = getenv('WEBHOOK_SECRET') ?: '';
    $product = PRODUCTS[$path] ?? null;
    if ($secret === '') {
        error_log("set WEBHOOK_SECRET to the webhook's secret");
        answer(500, 'no secret');
        return;
    }
    if ($path !== '/webhooks' && $product === null) {
        answer(404, 'not here');
        return;
    }
    if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
        answer(405, 'POST events here');
        return;
    }
    $raw = file_get_contents('php://input', false, null, 0, LARGEST + 1); // not $_POST, which knows forms alone
    if (strlen($raw) > LARGEST) {
        answer(413, 'too large');
        return;
    }
    if (!($product === null ? from_wabagate($secret, $raw) : as_product($product, $secret, $raw))) {
        answer(401, 'wrong signature');
        return;
    }
    if ($path === '/webhooks/awalchat') { // asks a new receiver to repeat a text
        $ask = json_decode($raw, true);
        if (($ask['type'] ?? '') === 'verification') {
            answer(200, json_encode(['challenge' => $ask['challenge']]));
            return;
        }
    }
    $id = header_of('webhook-id');
    $file = keep($id, $raw);
    answer(200, $file === null ? 'had it already' : 'taken'); // deliveries are repeated when an answer was lost
    if ($file !== null) {
        handle($id, $path, $raw);
        file_put_contents($file, ''); // done: the empty file remembers the id. One that is not empty was not finished
    }
}

receive(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '');
