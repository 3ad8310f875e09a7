package rivals

import (
	"context"
	"errors"
	"net/http"

	"github.com/grbit/go-json"
	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/valyala/fasthttp"
)

var (
	telegoHTTP = Library{
		Name:      "telego",
		Has:       []string{"method", "secret"},
		Receive:   telegoReceiver(onHTTP, loop),
		Bot:       telegoReceiver(onHTTP, dispatch),
		Poll:      telegoPoll,
		Update:    func() any { return new(telego.Update) },
		Typed:     typed(func(u *telego.Update) int64 { return int64(u.UpdateID) }),
		Unmarshal: json.Unmarshal,
	}
	telegoFast = Library{
		Name:    "telego_fasthttp",
		Has:     []string{"method", "secret", "size"},
		Receive: telegoReceiver(onFastHTTP, loop),
		Bot:     telegoReceiver(onFastHTTP, dispatch),
	}
)

type telegoServer func(*Receiver) (register func(telego.WebhookHandler) error, finish func())

func onHTTP(r *Receiver) (func(telego.WebhookHandler) error, func()) {
	server := new(http.Server)
	return telego.WebhookHTTPServer(server, Path, Secret), func() { r.HTTP = server.Handler }
}

func onFastHTTP(r *Receiver) (func(telego.WebhookHandler) error, func()) {
	server := new(fasthttp.Server)
	return telego.WebhookFastHTTP(server, Path, Secret), func() { r.Fast = server.Handler }
}

type stop func(context.Context) error

func telegoReceiver(on telegoServer, run func(*telego.Bot, <-chan telego.Update, Handle) (stop, error)) func(Handle) (*Receiver, error) {
	return func(handle Handle) (*Receiver, error) {
		b, err := telego.NewBot(token, telego.WithDiscardLogger())
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		r := new(Receiver)
		register, finish := on(r)
		updates, err := b.UpdatesViaWebhook(ctx, register)
		if err != nil {
			cancel()
			return nil, err
		}
		finish()
		stop, err := run(b, updates, handle)
		if err != nil {
			cancel()
			return nil, err
		}
		r.Stop = func(ctx context.Context, server func(context.Context) error) error {
			defer cancel()
			return errors.Join(server(ctx), stop(ctx))
		}
		return r, nil
	}
}

func loop(_ *telego.Bot, updates <-chan telego.Update, handle Handle) (stop, error) {
	go func() {
		for u := range updates {
			handle(int64(u.UpdateID))
		}
	}()
	return func(context.Context) error { return nil }, nil
}

func dispatch(b *telego.Bot, updates <-chan telego.Update, handle Handle) (stop, error) {
	h, err := telegohandler.NewBotHandler(b, updates)
	if err != nil {
		return nil, err
	}
	h.Handle(func(_ *telegohandler.Context, u telego.Update) error {
		handle(int64(u.UpdateID))
		return nil
	})
	go func() { _ = h.Start() }()
	return h.StopWithContext, nil
}

func telegoPoll(ctx context.Context, url, token string, handle Handle) error {
	b, err := telego.NewBot(token, telego.WithAPIServer(url), telego.WithDiscardLogger())
	if err != nil {
		return err
	}
	updates, err := b.UpdatesViaLongPolling(ctx, nil)
	if err != nil {
		return err
	}
	stop, err := dispatch(b, updates, handle)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return stop(context.WithoutCancel(ctx))
}
