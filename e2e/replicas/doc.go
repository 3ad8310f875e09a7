// Replicas kills the replicas of a bot, and their Store.
package replicas
