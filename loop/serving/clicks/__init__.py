"""Our own answers to Label Studio's click tools: the candidate box under what the annotator drew."""
