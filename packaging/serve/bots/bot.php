<?php
// A bot for tghook serve: it repeats each text. The file is public/bot.php, and the secret is
// beside public. To run it: php -d display_errors=0 -S 127.0.0.1:9000 -t public
$secret = trim((string) file_get_contents(__DIR__ . '/../secret'));
if ($secret === '' || !hash_equals($secret, $_SERVER['HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN'] ?? '')) {
    http_response_code(401);
    exit;
}
$update = json_decode(file_get_contents('php://input'), true, 512, JSON_THROW_ON_ERROR);
$reply = null;
if ($message = $update['message'] ?? null) {
    $again = ['text' => 'Again', 'callback_data' => 'again'];
    $reply = ['method' => 'sendMessage', 'chat_id' => $message['chat']['id'],
        'text' => $message['text'] ?? 'I read text only.', 'reply_markup' => ['inline_keyboard' => [[$again]]]];
} elseif ($query = $update['callback_query'] ?? null) {
    $reply = ['method' => 'answerCallbackQuery', 'callback_query_id' => $query['id'], 'text' => 'Write it again, please.'];
}
$body = $reply ? json_encode($reply, JSON_THROW_ON_ERROR) : '';
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body)); // PHP's own server leaves it out, and then the reply is ignored
echo $body;
