package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
)

func newDelete() *cobra.Command {
	f, drop, dryRun := new(botFlags), false, false
	cmd := &cobra.Command{
		Use:   "delete",
		Short: "Delete the webhook, and say what that changes",
		Long: `Delete deletes the webhook of a bot, so that the bot can poll. Updates that wait stay,
unless --drop-pending is given. It may be called again and again.
` + environmentHelp,
		Example: "  tghook delete\n  tghook delete --drop-pending",
		Args:    cobra.NoArgs,
	}
	f.addToken(cmd)
	cmd.Flags().BoolVar(&drop, "drop-pending", false, "drop the updates that wait to be delivered")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would change")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return f.delete(cmd, drop, dryRun) }
	return cmd
}

// deleteResult is what delete prints with --json.
type deleteResult struct {
	Said    string           `json:"said,omitempty"` // Telegram's words
	Changed []webhook.Change `json:"changed"`
	DryRun  bool             `json:"dry_run"`
	Status  webhook.Status   `json:"status"`
}

func (f *botFlags) delete(cmd *cobra.Command, drop, dryRun bool) error {
	transcript := new(webhook.Transcript)
	client, err := f.client(transcript)
	if err != nil {
		return err
	}
	out, ctx, bot := outputOf(cmd), cmd.Context(), &looker{client: client}
	before, err := bot.look(ctx)
	if err != nil {
		return err
	}
	result := deleteResult{Changed: []webhook.Change{}, DryRun: dryRun, Status: before}
	switch {
	case !before.Set && (!drop || before.Pending == 0):
		return out.print(result, "no webhook is set: there is nothing to delete")
	case dryRun:
		return out.print(result, deletion(before, drop)+"\n--dry-run: nothing was changed")
	case !out.json:
		fmt.Fprintln(out.out, deletion(before, drop))
	}
	if err := client.DeleteWebhook(ctx, drop); err != nil {
		return err
	}
	result.Said = transcript.Description()
	if result.Status, err = bot.look(ctx); err != nil {
		return fmt.Errorf("the webhook is deleted, and its state is unknown: %w", err)
	}
	result.Changed = append(result.Changed, webhook.Changes(before, result.Status)...)
	text := "Telegram says: " + result.Said
	if len(result.Changed) > 0 {
		text += "\n" + listed("has changed", result.Changed)
	}
	return out.print(result, text)
}

// deletion says what delete will do.
func deletion(now webhook.Status, drop bool) string {
	text := "will delete the webhook " + now.URL
	if !now.Set {
		text = "no webhook is set"
	}
	switch {
	case now.Pending == 0:
		return text
	case drop:
		return text + fmt.Sprintf("\nwill drop the pending updates: %d", now.Pending)
	}
	return text + fmt.Sprintf("\npending updates: %d; they stay for getUpdates or the next webhook", now.Pending)
}
