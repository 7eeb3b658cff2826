"""The open tasks that wait for a prediction of the champion, and which job has which of them."""
