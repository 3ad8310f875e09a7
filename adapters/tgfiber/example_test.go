package tgfiber_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgfiber"
)

// A bot that greets every user who writes to it.
func Example() {
	greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
			"chat_id": u.ChatID, "text": "Hello!",
		}}, nil
	}
	hook, err := tghook.New(tghook.HandlerFunc(greet), tghook.Config{
		Secret: "my-secret", // the secret_token of setWebhook; keep yours out of the code
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app := fiber.New(fiber.Config{ReadTimeout: 75 * time.Second})
	app.Post("/telegram", tgfiber.Handler(hook)) // in service: app.Listen(":8080")

	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/telegram",
		strings.NewReader(`{"update_id":1,"message":{"chat":{"id":42},"text":"/start"}}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "my-secret")
	res, err := app.Test(req, -1)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body), err)

	// Shut down the webhook first, so that its updates are still answered.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(hook.Shutdown(ctx), app.ShutdownWithContext(ctx))
	// Output:
	// 200 {"method":"sendMessage","chat_id":42,"text":"Hello!"} <nil>
	// <nil> <nil>
}
