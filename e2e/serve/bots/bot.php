<?php
// The bot of ../clients_test.go in PHP, without a library. It has no token: the webhook reply is all
// that it says, as in many a PHP bot on shared hosting.
if (!hash_equals(getenv('BOT_SECRET'), $_SERVER['HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN'] ?? '')) {
    http_response_code(401);
    exit;
}

function answer(array $update): ?array
{
    if ($query = $update['callback_query'] ?? null) {
        return ['method' => 'editMessageText', 'chat_id' => $query['message']['chat']['id'], 'message_id' => $query['message']['message_id'],
            'text' => strtoupper($query['message']['text'])];
    }
    if ($query = $update['pre_checkout_query'] ?? null) {
        return ['method' => 'answerPreCheckoutQuery', 'pre_checkout_query_id' => $query['id'], 'ok' => true];
    }
    if (!$message = $update['message'] ?? null) {
        return null;
    }
    $send = fn(string $text, array $more = []) => ['method' => 'sendMessage', 'chat_id' => $message['chat']['id'], 'text' => $text] + $more;
    if ($paid = $message['successful_payment'] ?? null) {
        return $send("paid {$paid['total_amount']}");
    }
    if (isset($message['media_group_id'])) {
        return $send('a picture of an album: ' . ($message['caption'] ?? 'no caption'));
    }
    switch ($message['text'] ?? '') {
        case '/fail':
            $tried = getenv('STATE') . '/tried';
            if (!file_exists($tried)) {
                touch($tried);
                http_response_code(500);
                return null;
            }
            return $send('the second attempt');
        case '/reply':
            return $send('a webhook reply');
        case '/buy':
            return ['method' => 'sendInvoice', 'chat_id' => $message['chat']['id'], 'title' => 'Tea', 'description' => 'A cup', 'payload' => 'tea',
                'provider_token' => '', 'currency' => 'XTR', 'prices' => [['label' => 'Tea', 'amount' => 5]]];
        default:
            return $send($message['text'], ['reply_markup' => ['inline_keyboard' => [[['text' => 'Shout', 'callback_data' => 'shout']]]]]);
    }
}

$reply = answer(json_decode(file_get_contents('php://input'), true, 512, JSON_THROW_ON_ERROR));
$body = $reply ? json_encode($reply, JSON_THROW_ON_ERROR) : '';
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body)); // without it, Telegram would not read the body
echo $body;
