package tgpostgres

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// lookEvery is how often a waiting Take looks for updates without a notification.
	lookEvery     = time.Second
	lookEveryDeaf = 200 * time.Millisecond // where LISTEN does not work
	// proofTime is how long a notification may take that shows that LISTEN works.
	proofTime = 2 * time.Second
	// lingerTime is how long the connection stays when no Take waits any more.
	lingerTime = 5 * time.Second
	// checkEvery is how often a quiet connection is asked whether it is alive.
	checkEvery = 30 * time.Second
	retryEvery = time.Second
	// When LISTEN did not work, though nothing failed, the pause doubles: a notification may have
	// been slow only once.
	firstDeafRetry = 5 * time.Second
	lastDeafRetry  = time.Minute
)

// listener wakes the calls of Take. While there are any, it has a connection that listens for
// notifications of PostgreSQL.
type listener struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	often  time.Duration // lookEvery

	mu     sync.Mutex
	waits  map[*wait]struct{}
	hears  bool               // LISTEN works
	stop   context.CancelFunc // ends the connection; nil if there is none
	linger *time.Timer        // calls stop
}

// wait is a call of Take.
type wait struct {
	listener *listener
	bot      int64
	woken    chan struct{}
}

// enter begins the wait of a call of Take, before it looks for updates.
func (l *listener) enter(bot int64) *wait {
	w := &wait{l, bot, make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits == nil {
		l.waits = map[*wait]struct{}{}
	}
	l.waits[w] = struct{}{}
	if l.linger != nil {
		l.linger.Stop()
	}
	if l.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		l.stop = stop
		go l.run(ctx)
	}
	return w
}

// leave ends the wait. If it was the last one, the connection is closed: at once if the caller
// wants no more updates, else after lingerTime.
func (l *listener) leave(w *wait, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waits, w)
	if len(l.waits) > 0 {
		return
	}
	if over {
		l.close()
		return
	}
	l.linger = time.AfterFunc(lingerTime, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.waits) == 0 {
			l.close()
		}
	})
}

// close ends the connection. The caller holds the mutex.
func (l *listener) close() {
	if l.stop != nil {
		l.stop()
		l.stop, l.hears = nil, false
	}
}

// next waits until there may be updates. It returns false if ctx ends before.
func (w *wait) next(ctx context.Context) bool {
	period := lookEveryDeaf
	if w.listener.works() {
		period = w.listener.often
	}
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-w.woken:
	case <-timer.C:
	case <-ctx.Done():
		return false
	}
	return true
}

func (l *listener) works() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hears
}

// wake wakes the calls of Take for bots.
func (l *listener) wake(bots []int64) {
	for _, bot := range bots {
		l.wakeIf(func(w *wait) bool { return w.bot == bot })
	}
}

func (l *listener) wakeIf(which func(*wait) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.waits {
		if which(w) {
			select {
			case w.woken <- struct{}{}:
			default:
			}
		}
	}
}

// absent returns those bots for which no Take waits here.
func (l *listener) absent(bots []int64) (absent []int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	present := map[int64]bool{}
	for w := range l.waits {
		present[w.bot] = true
	}
	for _, bot := range bots {
		if !present[bot] {
			absent = append(absent, bot)
		}
	}
	return absent
}

// errDeaf says that a notification has not come.
var errDeaf = errors.New("no notification of PostgreSQL has arrived; PgBouncer in transaction mode does not pass them on")

// run keeps a connection until ctx ends. It logs why there is none, unless there was one
// before: then Take fails too.
func (l *listener) run(ctx context.Context) {
	silent, deafRetry := false, firstDeafRetry
	for ctx.Err() == nil {
		err := l.listen(ctx)
		if l.works() {
			silent, deafRetry = true, firstDeafRetry
		}
		l.set(ctx, false)
		if ctx.Err() != nil {
			return
		}
		if !silent {
			silent = true
			l.logger.WarnContext(ctx, "tgpostgres: LISTEN does not work, so Queue.Take looks for updates five times a second", slog.Any("error", err))
		}
		pause := retryEvery
		if errors.Is(err, errDeaf) {
			pause, deafRetry = deafRetry, min(2*deafRetry, lastDeafRetry)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// set keeps whether LISTEN works on the connection whose context is ctx.
func (l *listener) set(ctx context.Context, hears bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() == nil {
		l.hears = hears
	}
}

// listen connects, and wakes calls of Take until the connection fails or ctx ends.
func (l *listener) listen(ctx context.Context) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if err := l.prove(ctx, conn); err != nil {
		return err
	}
	l.set(ctx, true)
	l.wakeIf(func(*wait) bool { return true }) // for what came before LISTEN
	for {
		text, err := hear(ctx, conn, checkEvery)
		if err != nil {
			return err
		}
		if bot, err := strconv.ParseInt(text, 10, 64); err == nil {
			l.wake([]int64{bot})
		}
	}
}

// connect opens a connection outside the pool, and listens on it.
func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	cfg := l.pool.Config()
	if cfg.BeforeConnect != nil {
		if err := cfg.BeforeConnect(ctx, cfg.ConnConfig); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+wakeChannel); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

// prove sends a notification by another connection, and waits for it.
func (l *listener) prove(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	token := rand.Text()
	if _, err := l.pool.Exec(ctx, "SELECT pg_notify($1, $2)", wakeChannel, token); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return errDeaf
		case err != nil:
			return err
		case n.Payload == token:
			return nil
		}
	}
}

// hear returns the text of the next notification. If none comes for a while, it asks whether
// the connection is alive.
func hear(ctx context.Context, conn *pgx.Conn, often time.Duration) (string, error) {
	for {
		waiting, cancel := context.WithTimeout(ctx, often)
		n, err := conn.WaitForNotification(waiting)
		quiet := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil {
			return n.Payload, nil
		}
		if !quiet {
			return "", err
		}
		asking, cancel := context.WithTimeout(ctx, callTime)
		err = conn.Ping(asking)
		cancel()
		if err != nil {
			return "", err
		}
	}
}
