<?php
// A TwaBot receiver, after its page: a hash_hmac over the raw body.
$payload = file_get_contents('php://input');
$signature = $_SERVER['HTTP_X_TWABOT_SIGNATURE'] ?? '';
$secret = getenv('WEBHOOK_SECRET');
$expected = hash_hmac('sha256', $payload, $secret);
if (!hash_equals($expected, $signature)) {
    http_response_code(401);
    echo 'Unauthorized';
    exit;
}
$known = [
    'message.received' => ['message_id' => 'string', 'from' => 'string', 'from_name' => 'string', 'type' => 'string', 'conversation_id' => 'integer'],
    'message.sent' => ['message_id' => 'string', 'to' => 'string', 'type' => 'string', 'sent_by' => 'string', 'conversation_id' => 'integer'],
    'conversation.created' => ['conversation_id' => 'integer', 'customer_phone' => 'string', 'customer_name' => 'string', 'first_message' => 'string'],
    'broadcast.completed' => ['broadcast_id' => 'integer', 'template_name' => 'string', 'total_recipients' => 'integer', 'sent' => 'integer', 'failed' => 'integer'],
    'ai.replied' => ['message_id' => 'string', 'to' => 'string', 'ai_response' => 'string', 'conversation_id' => 'integer'],
];
$body = json_decode($payload, true);
$event = $body['event'];
foreach (($known[$event] ?? []) + ['business_id' => 'integer'] as $name => $type) {
    if (gettype($body['data'][$name] ?? null) !== $type) {
        http_response_code(500);
        echo "$name of $event is no $type";
        exit;
    }
}
$understood = $event . ': ' . (isset($known[$event]) ? ($body['data']['message_id'] ?? $body['data']['conversation_id'] ?? $body['data']['broadcast_id']) : 'not handled');
error_log("Received event: " . $understood);
echo $understood;
