package doctor

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tghook/tghook"
)

// state is what Telegram knows.
type state struct {
	looks    []look
	err      error  // of the last look
	conflict string // what the poll was refused with
	ahead    time.Duration
	dated    bool // ahead is known
}

// look is the answer of one getWebhookInfo.
type look struct {
	at   time.Time
	info tghook.WebhookInfo
}

// last returns the newest state. It returns false if there is none.
func (s *state) last() (tghook.WebhookInfo, bool) {
	if len(s.looks) == 0 {
		return tghook.WebhookInfo{}, false
	}
	return s.looks[len(s.looks)-1].info, true
}

const callTime = 20 * time.Second // for one call of the Bot API

// lookOnce asks for the state.
func (x *exam) lookOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	info, err := x.Client.GetWebhookInfo(ctx)
	if x.telegram.err = err; err != nil {
		return
	}
	x.telegram.looks = append(x.telegram.looks, look{time.Now(), info})
	if x.Ahead != nil {
		x.telegram.ahead, x.telegram.dated = x.Ahead()
	}
}

// watch asks for the state again and again.
func (x *exam) watch(ctx context.Context) {
	ticks := time.NewTicker(x.times.look)
	defer ticks.Stop()
	for range x.times.looks - 1 {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		x.lookOnce(ctx)
	}
}

// poll polls once, to find another program that polls: that one ends this poll, when it comes
// back. The poll confirms nothing.
func (x *exam) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, x.times.poll+callTime)
	defer cancel()
	params := map[string]int{"timeout": int(x.times.poll / time.Second), "limit": 1}
	var refused *tghook.APIError
	if err := x.Client.Call(ctx, "getUpdates", params, nil); errors.As(err, &refused) && refused.Code == http.StatusConflict {
		x.telegram.conflict = refused.Description
	}
}

// failure returns the last error that Telegram has recorded, if it is so young that it tells of
// the present state.
func (x *exam) failure() (text string, age time.Duration, recent bool) {
	info, known := x.telegram.last()
	if !known || info.LastErrorDate == 0 || info.URL != x.URL {
		return "", 0, false
	}
	last := x.telegram.looks[len(x.telegram.looks)-1]
	age = last.at.Add(x.telegram.ahead).Sub(time.Unix(info.LastErrorDate, 0))
	limit := 10 * time.Minute
	if info.PendingUpdateCount > 0 {
		limit = 2 * time.Hour
	}
	return info.LastErrorMessage, max(age, 0), age < limit
}
