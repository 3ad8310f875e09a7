package tghooktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// deadline returns a context that ends after d.
func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitsEndWithTheirContextOrTheServer(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		query := chat.Inline("weather")
		begin := time.Now()
		_, err := query.Answer(deadline(t, time.Minute))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, `the bot has not answered the inline query "weather"`)
		assert.Equal(t, time.Minute, time.Since(begin))
		done := make(chan error)
		go func() {
			_, err := query.Answer(context.Background())
			done <- err
		}()
		synctest.Wait()
		s.Close()
		require.ErrorContains(t, <-done, "the Server is closed")
	})
}

func TestAnInlineQueryIsOfItsChat(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		team := s.User("Zoë").Join(s.Group("Team"))
		first := team.Inline("cats")
		kind, object := newest(t, s)
		assert.Equal(t, "inline_query", kind)
		assert.Contains(t, string(object), `"chat_type":"supergroup","query":"cats","offset":""`)
		result := `[{"type":"article","id":"a","title":"One","input_message_content":{"message_text":"one"}}]`
		answer := func(next, button string) {
			_, object := newest(t, s)
			id := text(t, object, "id")
			require.Contains(t, ask(t, s, "answerInlineQuery", "inline_query_id", id, "results", result, "next_offset", next, "button", button), "true")
		}
		answer("7", `{"text":"More","start_parameter":"x"}`)
		got, err := first.Answer(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "One", got.Results[0].Title)
		assert.Equal(t, "7", got.NextOffset)
		assert.JSONEq(t, `{"text":"More","start_parameter":"x"}`, string(got.Button))
		more := first.More()
		_, object = newest(t, s)
		assert.Contains(t, string(object), `"query":"cats","offset":"7"`)
		answer("", "")
		m := more.Choose(0)
		assert.Equal(t, "one", m.Text)
		assert.Equal(t, "one", team.Messages()[len(team.Messages())-1].Text, "the result is in the group")
	})
}

func TestAPaymentInStepsChoosesTheShipping(t *testing.T) {
	t.Parallel()
	inShop(t, func(t *testing.T, m market) {
		offer := m.offer("flexible", params{"is_flexible": true, "currency": "EUR", "provider_token": "1:TEST:x"})
		p := offer.Pay(tghooktest.Order{Choose: true})
		require.Error(t, p.Ship("c"), "before the bot has offered anything")
		state, err := p.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.PaymentChoice, state.Step)
		assert.Equal(t, []tghooktest.ShippingOption{{ID: "p", Title: "Post", Amount: 5}, {ID: "c", Title: "Courier", Amount: 21}}, state.Options)
		require.ErrorContains(t, p.Ship("Pigeon"), `does not offer the shipping option "Pigeon"; it offers: "p", "c"`)
		require.NoError(t, p.Ship("Courier"))
		state, err = p.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, tghooktest.PaymentPaid, state.Step)
		assert.Contains(t, string(state.Receipt.Raw), `"shipping_option_id":"c"`)
		require.Error(t, p.Ship("p"), "twice")

		state, err = m.offer("gone", nil).Pay().Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.PaymentState{Step: tghooktest.PaymentRefused, Error: "Sold out", Options: []tghooktest.ShippingOption{}}, state)
		slow := m.offer("slow", nil).Pay()
		_, err = slow.Wait(deadline(t, time.Second))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		state, err = slow.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.PaymentFailed, state.Step)
		post, err := m.chat.Post(offer.ID)
		require.NoError(t, err)
		assert.Equal(t, &tghooktest.Form{Shipping: true}, post.Form)
		assert.Equal(t, []int64{m.chat.ID}, post.PaidBy)
	})
}

// The errors of acts are told apart by what is missing.
func TestAnActSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: time.Nanosecond}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		m := chat.Send("hi")
		chat.Delete(m)
		other, err := s.AddBot(tghooktest.BotConfig{})
		require.NoError(t, err)
		all := []error{tghooktest.ErrNoButton, tghooktest.ErrNoChat, tghooktest.ErrNoFile, tghooktest.ErrNoMessage, tghooktest.ErrNoUser}
		second := func(_ any, err error) error { return err }
		for name, one := range map[string]struct {
			want error
			act  func(s *tghooktest.Server, zoe *tghooktest.User) error
		}{
			"user":    {tghooktest.ErrNoUser, func(s *tghooktest.Server, _ *tghooktest.User) error { return second(s.FindUser("@nobody")) }},
			"chat":    {tghooktest.ErrNoChat, func(_ *tghooktest.Server, zoe *tghooktest.User) error { return second(zoe.In(-5)) }},
			"strange": {tghooktest.ErrNoChat, func(s *tghooktest.Server, zoe *tghooktest.User) error { return second(zoe.In(s.User("Ben").ID)) }},
			"thread":  {tghooktest.ErrNoChat, func(_ *tghooktest.Server, zoe *tghooktest.User) error { return second(zoe.Chat().Thread(9)) }},
			"message": {tghooktest.ErrNoMessage, func(_ *tghooktest.Server, zoe *tghooktest.User) error { return second(zoe.Chat().Message(m.ID)) }},
			"file":    {tghooktest.ErrNoFile, func(s *tghooktest.Server, _ *tghooktest.User) error { return second(s.File("x")) }},
			"key":     {tghooktest.ErrNoButton, func(_ *tghooktest.Server, zoe *tghooktest.User) error { zoe.Chat().PressKey("Tea"); return nil }},
			"button":  {tghooktest.ErrNoButton, func(_ *tghooktest.Server, zoe *tghooktest.User) error { zoe.Chat().Press("Tea"); return nil }},
			"group":   {tghooktest.ErrNoChat, func(_ *tghooktest.Server, zoe *tghooktest.User) error { zoe.Join(other.Group("Theirs")); return nil }},
			"text":    {nil, func(_ *tghooktest.Server, zoe *tghooktest.User) error { zoe.Chat().Send(""); return nil }},
			"absent":  {nil, func(s *tghooktest.Server, zoe *tghooktest.User) error { zoe.Leave(s.Group("Team")); return nil }},
		} {
			err := s.Try(func(tb testing.TB, s *tghooktest.Server) {
				if err := one.act(s, s.User("Zoë")); err != nil {
					tb.Fatalf("%v", err)
				}
			})
			require.Error(t, err, name)
			for _, kind := range all {
				assert.Equalf(t, one.want != nil && kind.Error() == one.want.Error(), errors.Is(err, kind), "%s: is %q: %q", name, err, kind)
			}
			assert.NotContains(t, err.Error(), "waited", name)
		}
	})
}

// Many programs may act at once, each in a Try of its own.
func TestManyTriesRunAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		const many = 300
		waiting := make(chan struct{}, many)
		all := make(chan struct{})
		errs := make(chan error, many)
		for i := range many {
			go func() {
				errs <- s.Try(func(tb testing.TB, s *tghooktest.Server) {
					waiting <- struct{}{}
					<-all // when all of them run
					chat := s.User("User " + strconv.Itoa(i)).Chat()
					chat.Send("hi " + strconv.Itoa(i))
					chat.Expect(tb, "you said hi "+strconv.Itoa(i))
				})
			}()
		}
		for range many {
			<-waiting
		}
		close(all)
		for range many {
			require.NoError(t, <-errs)
		}
	})
}

// text returns a member of an object.
func text(t *testing.T, object []byte, name string) string {
	t.Helper()
	var s string
	require.NoError(t, json.Unmarshal(fields(t, object)[name], &s))
	return s
}
