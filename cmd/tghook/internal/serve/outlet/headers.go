package outlet

import (
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/tghook/tghook"
)

// eventType begins the type of a CloudEvent. The kind of the update follows, as in
// org.telegram.bot.message.
const eventType = "org.telegram.bot."

// extra returns the headers that the target has asked for. Telegram does not send them.
func (o *Outlet) extra(u *tghook.Update, now time.Time) [][2]string {
	bot := strconv.FormatInt(o.cfg.Bot, 10)
	id := bot + ":" + strconv.FormatInt(u.ID, 10)
	var all [][2]string
	if o.cfg.Target.CloudEvents {
		all = [][2]string{
			{"ce-specversion", "1.0"},
			{"ce-id", id},
			{"ce-source", "/bots/" + bot},
			// Anyone may have made up the kind. It must not be able to end the header.
			{"ce-type", eventType + url.PathEscape(string(u.Kind))},
		}
		if at := time.Unix(u.Date, 0).UTC(); u.Date > 0 && at.Year() <= 9999 {
			all = append(all, [2]string{"ce-time", at.Format(time.RFC3339)})
		}
	}
	if o.signer != nil {
		signature, _ := o.signer.Sign(id, now, u.Raw) // it cannot fail
		all = append(all,
			[2]string{standardwebhooks.HeaderWebhookID, id},
			[2]string{standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10)},
			[2]string{standardwebhooks.HeaderWebhookSignature, signature})
	}
	return all
}
