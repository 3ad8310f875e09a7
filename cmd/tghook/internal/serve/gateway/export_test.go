package gateway

import "context"

// TidyLetters does at once what Run does from time to time.
func (g *Gateway) TidyLetters(ctx context.Context) error { return g.tidyLetters(ctx) }
