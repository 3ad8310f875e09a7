// Package greeting is what the bots beside it do. It knows none of their libraries:
// whom it greets it learns from the ctx of the update.
package greeting

import (
	"context"
	"errors"
	"fmt"

	"github.com/tghook/tghook"
)

// Func returns the greeting for the user whose update ctx belongs to.
type Func func(ctx context.Context) (string, error)

// Polite is a Func.
func Polite(ctx context.Context) (string, error) {
	u, ok := tghook.FromContext(ctx)
	if !ok {
		return "", errors.New("greeting: this ctx belongs to no update")
	}
	return fmt.Sprintf("Hello, user %d!", u.UserID), nil
}
