package dispatch

import "time"

// offers is what is known of the deliveries of an item.
type offers struct {
	count int
	due   time.Duration // when its sender offers it again, as far as is known
}

// missed notes when the sender offers an item again, for a delivery that ends now
// without an answer, or with one that asks for after. Without an answer it is 0, 2, 4, 8,
// 16, 32 and then about 64 to 120 seconds. Source: tdlib/telegram-bot-api,
// WebhookActor::on_update_error.
func (o *offers) missed(now, after time.Duration) {
	if after == 0 && o.count > 1 {
		after = min(time.Second<<min(o.count-1, 7), 2*time.Minute)
	}
	o.due = max(o.due, now+after)
}
