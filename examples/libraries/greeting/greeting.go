// Package greeting is the work of the bots beside it. It uses none of their libraries: it
// learns from the update's context whom to greet.
package greeting

import (
	"context"
	"errors"
	"fmt"

	"github.com/tghook/tghook"
)

// Func returns the greeting for the user of the update that ctx belongs to.
type Func func(ctx context.Context) (string, error)

// Polite is a Func.
func Polite(ctx context.Context) (string, error) {
	u, ok := tghook.FromContext(ctx)
	if !ok {
		return "", errors.New("greeting: this ctx belongs to no update")
	}
	return fmt.Sprintf("Hello, user %d!", u.UserID), nil
}
