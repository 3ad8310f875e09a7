package rivals

import (
	"net/http"

	echo "github.com/NicoNex/echotron/v3"
)

var echotron = Library{
	Name: "echotron",
	Receive: func(handle Handle) (*Receiver, error) {
		d := echo.NewDispatcher(token, func(int64) echo.Bot { return session(handle) })
		return &Receiver{HTTP: http.HandlerFunc(d.HandleWebhook)}, nil
	},
	Update: func() any { return new(echo.Update) },
	Typed:  typed(func(u *echo.Update) int64 { return int64(u.ID) }),
}

// session is a chat's bot.
type session Handle

func (s session) Update(u *echo.Update) { s(int64(u.ID)) }
