"""Label Studio's click tools: the calls of the editor, and the ML backend that they may be handed on to."""
