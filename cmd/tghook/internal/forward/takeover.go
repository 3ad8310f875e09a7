package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

// TakeOver allows a run to delete the webhook of the bot. It has the settings to put it
// back. Telegram tells all else, but neither the secret nor the certificate.
type TakeOver struct {
	Secret      string
	NoSecret    bool // the webhook has none
	Certificate []byte
	IPAddress   string // that setWebhook got; Telegram does not tell whether it is fixed
}

// RefusedError says why a run has not begun. Nothing was changed.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// takeOver makes sure that no webhook is set, so that getUpdates works. restore puts a webhook
// back that it has deleted.
func (f *forwarder) takeOver(ctx context.Context) (restore func() error, err error) {
	info, err := f.Bot.GetWebhookInfo(ctx)
	if err != nil {
		return nil, err
	}
	left, err := f.Ledger.read(f.Bot.Bot())
	if err != nil {
		return nil, err
	}
	if info.URL != "" {
		return f.replace(ctx, info)
	}
	if left == nil {
		return func() error { return nil }, nil
	}
	if f.TakeOver == nil {
		f.Tell(fmt.Sprintf("a forward that began on %s did not end in order. It had taken over the webhook %s, which is still not set. "+
			"To put it back, run tghook set with its URL and secret, or end this run and begin it again with --take-over and the webhook's secret",
			left.At.Format(time.DateTime), left.URL))
		return func() error { return nil }, nil
	}
	info = left.info()
	if err := f.TakeOver.suffices(info); err != nil {
		return nil, err
	}
	f.Tell("an earlier forward had taken over the webhook " + left.URL + "; this one puts it back at its end")
	return func() error { return f.putBack(info) }, nil
}

// replace deletes the webhook that is set.
func (f *forwarder) replace(ctx context.Context, info tghook.WebhookInfo) (restore func() error, err error) {
	shown := f.Ledger.Hide(info.URL)
	if f.TakeOver == nil {
		return nil, &RefusedError{"the bot has the webhook " + shown + ", and Telegram sends the updates there. To take it over for the time of this run, pass --take-over and the webhook's secret"}
	}
	if err := f.TakeOver.suffices(info); err != nil {
		return nil, err
	}
	if err := f.Ledger.write(f.Bot.Bot(), info); err != nil {
		return nil, err
	}
	if err := f.Bot.DeleteWebhook(ctx, false); err != nil {
		var refused *tghook.APIError
		if errors.As(err, &refused) {
			return nil, errors.Join(err, f.Ledger.clear(f.Bot.Bot()))
		}
		return nil, errors.Join(err, f.putBack(info)) // the answer is lost: Telegram may have deleted it
	}
	f.Tell("took over the webhook " + shown + "; it is put back at the end")
	return func() error { return f.putBack(info) }, nil
}

// suffices returns an error if the webhook could not be put back as it was.
func (t *TakeOver) suffices(info tghook.WebhookInfo) error {
	switch {
	case t.Secret == "" && !t.NoSecret:
		return &RefusedError{"to put the webhook back at the end, its secret is needed, which Telegram does not tell: pass --webhook-secret-file, or --webhook-no-secret if it has none. Nothing was changed"}
	case info.HasCustomCertificate && len(t.Certificate) == 0:
		return &RefusedError{"to put the webhook back at the end, its certificate is needed, which Telegram does not tell: pass --webhook-certificate. Nothing was changed"}
	}
	return nil
}

// putBack sets the webhook that was taken over, unless another one was set meanwhile.
func (f *forwarder) putBack(info tghook.WebhookInfo) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	shown := f.Ledger.Hide(info.URL)
	now, err := f.Bot.GetWebhookInfo(ctx)
	if err == nil && now.URL != "" && now.URL != info.URL {
		f.Tell("the webhook " + shown + " is not put back, because another one was set meanwhile: " + f.Ledger.Hide(now.URL))
		return f.Ledger.clear(f.Bot.Bot())
	}
	err = f.Bot.SetWebhook(ctx, tghook.WebhookRequest{
		URL: info.URL, MaxConnections: info.MaxConnections, IPAddress: f.TakeOver.IPAddress,
		Certificate: f.TakeOver.Certificate, SecretToken: f.TakeOver.Secret, InsecureNoSecret: f.TakeOver.NoSecret, Reset: true,
	})
	if err != nil {
		return fmt.Errorf("the webhook %s could not be put back; run tghook set with its URL and secret: %w", shown, err)
	}
	f.Tell("put the webhook " + shown + " back")
	return f.Ledger.clear(f.Bot.Bot())
}
