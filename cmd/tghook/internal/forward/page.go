package forward

import (
	"sync/atomic"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
	"github.com/tghook/tghook/cmd/tghook/internal/page"
	"github.com/tghook/tghook/tghooktest"
)

// Page is the page of tghook dev, for a bot in service.
type Page struct {
	Listen       string // host:port
	Username     string // of the bot
	WebhookHosts []string
	Tell         func(text string) // gets the address of the page

	desk *desk.Desk
	bot  atomic.Int64 // id of the bot in service on the page; 0 before it is there
}

// Start starts the page, and returns the simulated Telegram behind it. The bot has a token
// there that is not its own. Start is a Config.Server.
func (p *Page) Start(execute func(tghooktest.Call) tghooktest.CallFault) (*tghooktest.Server, error) {
	files, err := page.New()
	if err != nil {
		return nil, err
	}
	p.desk, err = desk.Start(desk.Config{Listen: p.Listen, WebhookHosts: p.WebhookHosts, Page: files, Execute: p.only(execute)})
	if err != nil {
		return nil, err
	}
	p.Tell("the page is at " + p.desk.URL() + "/")
	server, err := p.desk.AddBot(tghooktest.BotConfig{Username: p.Username})
	if err == nil {
		p.bot.Store(server.Info().ID)
	}
	return server, err
}

// only executes the webhook replies of the bot in service alone. Any program on this machine
// can make another bot on the page, whose replies must not reach Telegram.
func (p *Page) only(execute func(tghooktest.Call) tghooktest.CallFault) func(int64, tghooktest.Call) tghooktest.CallFault {
	return func(bot int64, call tghooktest.Call) tghooktest.CallFault {
		if bot != p.bot.Load() {
			return tghooktest.CallFault{}
		}
		return execute(call)
	}
}

// Close ends the page.
func (p *Page) Close() {
	if p.desk != nil {
		p.desk.Close()
	}
}
