// Where a component stands: the api, the bot, the chat, the user who acts, and the conversation.
import {createContext, useContext} from './vendor/preact.js';

export const Place = createContext(null);

export function usePlace() { return useContext(Place); }
